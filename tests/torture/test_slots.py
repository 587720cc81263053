"""Slots over several processes, when one of them dies, and the owner's switch in all of them."""

import asyncio
import signal
import time

import httpx

from infra.client import AdminClient
from tests.standins.running import ADMIN_KEY
from tests.torture.cluster import Cluster
from tests.torture.crowd import at_once, one
from tests.torture.load import CHAT
from tests.torture.test_queue import SLOTS, keys, queue_of, told

DRAINED_SECONDS_MAX = 5.0
LEASE_SECONDS = 15


async def test_a_drained_backend_gets_nothing_in_any_process_within_five_seconds(gates: Cluster) -> None:
    gates.manifest = queue_of(16)
    await gates.start()
    (key,) = await keys(gates, {"ada": 1})
    gates.backend.script(pieces=1, first_delay=8)
    running = asyncio.create_task(one(gates.urls()[0], key, CHAT))
    await asyncio.sleep(1)
    async with AdminClient(gates.urls()[0], token=ADMIN_KEY) as admin:
        assert (await admin.drain_backend("one"))["draining"] is True
    began = last = time.monotonic()
    gates.backend.script(pieces=1)
    while time.monotonic() - began < DRAINED_SECONDS_MAX + 1:
        for url in gates.urls() * 2:
            answer = await one(url, key, CHAT)
            assert answer.status in (200, 503)
            if answer.status == 200:
                last = time.monotonic()
        await asyncio.sleep(0.1)
    told("drained everywhere", gates, after_seconds=round(last - began, 2))
    assert last - began < DRAINED_SECONDS_MAX
    assert (await running).status == 200  # what ran has finished
    async with AdminClient(gates.urls()[-1], token=ADMIN_KEY) as admin:
        await admin.drain_backend("one", drain=False)
    async with asyncio.timeout(DRAINED_SECONDS_MAX):
        while (await one(gates.urls()[-1], key, CHAT)).status != 200:
            await asyncio.sleep(0.1)
    await gates.proved()


async def test_the_slots_of_a_killed_process_come_back_with_its_lease(gates: Cluster) -> None:
    if gates.kind != "postgres-2":
        return  # of workers the one is replaced that is killed, and a SQLite file that is opened anew has no shares
    gates.manifest = queue_of(64)
    await gates.start()
    (key,) = await keys(gates, {"ada": 1})
    gates.backend.script(pieces=1, first_delay=120)
    hung = asyncio.create_task(at_once(gates.urls()[:1], [key], SLOTS, CHAT))
    await asyncio.sleep(3)
    assert gates.backend.running == SLOTS
    gates.gates[0].signal(signal.SIGKILL)
    await gates.gates[0].ended()
    began = time.monotonic()
    gates.backend.script(pieces=1)
    async with httpx.AsyncClient(timeout=60) as client:
        headers = {"authorization": f"Bearer {key}"}
        answer = await client.post(gates.gates[1].url + "/v1/chat/completions", json=CHAT, headers=headers)
    seconds = time.monotonic() - began
    told("slots of the dead", gates, free_after_seconds=round(seconds, 1))
    assert answer.status_code == 200
    assert seconds < LEASE_SECONDS + 5
    hung.cancel()
    await asyncio.gather(hung, return_exceptions=True)


async def test_a_process_that_stood_still_starts_nothing_before_it_has_its_slots_again(gates: Cluster) -> None:
    if gates.kind != "postgres-2":
        return  # of workers on one port nobody can choose the one that stands still
    gates.manifest = queue_of(64)
    await gates.start()
    (key,) = await keys(gates, {"ada": 1})
    gates.backend.script(pieces=1, first_delay=3)
    stopped, other = gates.gates
    crowd = asyncio.create_task(at_once([stopped.url], [key], 3 * SLOTS, CHAT))
    await asyncio.sleep(2)
    assert gates.backend.running == SLOTS
    stopped.signal(signal.SIGSTOP)
    try:
        gates.backend.script(pieces=1, first_delay=8)
        theirs = asyncio.create_task(at_once([other.url], [key], 2 * SLOTS, CHAT))
        async with asyncio.timeout(LEASE_SECONDS + 10):
            while gates.backend.running < SLOTS or not gates.backend.seen[SLOTS - 1].ended.is_set():
                await asyncio.sleep(0.05)
    finally:
        stopped.signal(signal.SIGCONT)
    began = time.monotonic()
    assert {answer.status for answer in await theirs} == {200}
    assert {answer.status for answer in await crowd} == {200}
    seconds = time.monotonic() - began
    told("stood still", gates, most_at_the_backend=gates.backend.running_max, all_served_after=round(seconds, 1))
    assert gates.backend.running_max == SLOTS
    await gates.proved()
