"""Slots over several processes, when one of them dies, and the owner's switch in all of them."""

import asyncio
import os
import signal
import time

import httpx

from infra.client import AdminClient
from tests.standins.running import ADMIN_KEY
from tests.standins.served import until
from tests.torture.cluster import FULL, Cluster
from tests.torture.crowd import at_once, one
from tests.torture.load import CHAT
from tests.torture.test_cut_off import LEASE_SECONDS, MODULE, streamed
from tests.torture.test_queue import SLOTS, keys, queue_of, told

DRAINED_SECONDS_MAX = 5.0
FREE_SECONDS_MAX = 2.0
STILL_SECONDS = 25 if FULL else LEASE_SECONDS + 3.5
"""Longer than a lease, and than others wait after it."""


async def test_a_drained_backend_gets_nothing_in_any_process_within_five_seconds(gates: Cluster) -> None:
    gates.manifest = queue_of(16)
    await gates.start()
    (key,) = await keys(gates, {"ada": 1})
    gates.backend.script(pieces=1, first_delay=8)
    running = asyncio.create_task(one(gates.urls()[0], key, CHAT))
    await until(lambda: gates.backend.running == 1)
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


async def test_the_slots_and_holds_of_a_killed_process_are_free_within_two_seconds(gates: Cluster) -> None:
    if gates.kind == "sqlite":
        return  # there is nobody to get them
    gates.manifest = queue_of(64)
    await gates.start()
    (key,) = await keys(gates, {"ada": 1})
    gates.backend.script(pieces=1, first_delay=120)
    hung = asyncio.create_task(at_once(gates.urls()[:1], [key], SLOTS, CHAT))
    await until(lambda: gates.backend.running == SLOTS)
    who, pid, count = await gates.busiest()
    gates.backend.script(pieces=1)
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    answers = await at_once(gates.beside(pid), [key], count, CHAT)
    slots = time.monotonic() - killed
    await gates.resolved(FREE_SECONDS_MAX - slots, of={who})
    holds = time.monotonic() - killed
    told("of the dead", gates, slots=count, slots_free_after=round(slots, 2), holds_free_after=round(holds, 2))
    assert {answer.status for answer in answers} == {200}
    assert slots < FREE_SECONDS_MAX
    assert gates.backend.running_max == SLOTS
    hung.cancel()
    await asyncio.gather(hung, return_exceptions=True)
    await gates.kill_all()  # nobody waits for what still hangs


async def test_a_process_that_stands_still_keeps_its_slots_and_ends_what_it_had(gates: Cluster) -> None:
    if gates.kind == "sqlite":
        return
    gates.manifest, gates.module = queue_of(64), MODULE
    await gates.start()
    (key,) = await keys(gates, {"ada": 1})
    await gates.acquainted()
    gates.backend.script(pieces=240, delay=0.5)
    async with httpx.AsyncClient(timeout=180) as http:
        streams = [asyncio.create_task(streamed(http, gates.urls()[0], key)) for _ in range(SLOTS)]
        await until(lambda: gates.backend.running == SLOTS)
        await asyncio.sleep(2)  # with a checkpoint
        who, pid, count = await gates.busiest()
        os.kill(pid, signal.SIGSTOP)
        try:
            gates.backend.script(pieces=1)
            theirs = asyncio.create_task(at_once(gates.beside(pid), [key], 2 * SLOTS, CHAT))
            await asyncio.sleep(STILL_SECONDS)
            assert not theirs.done() and len(gates.backend.seen) == SLOTS, "nobody was let in in its place"
            async with AdminClient(gates.beside(pid)[0], token=ADMIN_KEY) as admin:
                assert (await admin.backends())["data"][0]["standing"] == [{"pid": pid, "slots": count}]
            said = [line for gate in gates.gates for line in gate.lines if "stands still" in line["event"]]
        finally:
            os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(5):
            assert {answer.status for answer in await theirs} == {200}
            while sum(stream.done() for stream in streams) < count:
                await asyncio.sleep(0.05)
        ends = [stream.result()[1] for stream in streams if stream.done()]
        told("stood still", gates, seconds=STILL_SECONDS, ends=ends, most_at_the_backend=gates.backend.running_max)
        assert ends == ["overloaded"] * count
        assert [(line["pid"], line["slots"]) for line in said] == [(pid, count)], "said once"
        assert gates.backend.running_max == SLOTS
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    await gates.resolved(20)
    rows = [row for row in (await gates.rows()).values() if row["instance"] == who and row["stream"]]
    assert [row["basis"] for row in rows] == ["recovered"] * count, "others were sooner, by the last checkpoint"
    await gates.proved()


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
        gates.backend.script(pieces=1, first_delay=2)
        theirs = asyncio.create_task(at_once([other.url], [key], 2 * SLOTS, CHAT))
        await asyncio.sleep(STILL_SECONDS)
        assert len(gates.backend.seen) == SLOTS and not theirs.done()
    finally:
        stopped.signal(signal.SIGCONT)
    began = time.monotonic()
    assert {answer.status for answer in await theirs} == {200}
    assert {answer.status for answer in await crowd} == {200}
    seconds = time.monotonic() - began
    told("stood still", gates, most_at_the_backend=gates.backend.running_max, all_served_after=round(seconds, 1))
    assert gates.backend.running_max == SLOTS
    await gates.proved()
