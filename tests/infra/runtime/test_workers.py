"""Several workers on one socket and a real PostgreSQL: they share the load, are replaced, and drain together."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.client import AdminClient
from tests.infra.store import safes
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY
from tests.standins.served import MANIFEST, Served, served, until


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def pair(tmp_path: Path, backend: StandIn, postgres_url: str) -> AsyncIterator[Served]:
    roomy = MANIFEST.replace("slots: 8", "slots: 64")  # one worker may take many before the other takes any
    async with served(tmp_path, backend.url, "--workers", "2", database=postgres_url, manifest=roomy) as found:
        await found.event("a worker serves", 2)
        yield found


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_worker_that_is_killed_is_replaced_within_two_seconds_of_its_death_and_the_other_serves_on(
    pair: Served,
) -> None:
    first, second = [line["pid"] for line in await pair.event("a worker serves", 2)]
    began = asyncio.get_running_loop().time()
    os.kill(first, signal.SIGKILL)
    await pair.event("a worker died")
    async with httpx.AsyncClient(base_url=pair.url) as http:
        assert (await http.get("/health/ready")).status_code == 200
    await pair.event("a worker starts", 3)
    assert asyncio.get_running_loop().time() - began < 2
    replaced = (await pair.event("a worker serves", 3))[2]["pid"]
    assert replaced not in (first, second)
    pair.signal(signal.SIGTERM)
    assert await pair.ended() == 0
    assert _gone(second)
    assert _gone(replaced)


async def test_what_a_killed_worker_held_does_not_wait_for_its_lease(
    pair: Served, backend: StandIn, postgres_url: str
) -> None:
    key = await pair.key()
    backend.script(pieces=3, hang_after=2)
    streams: list[asyncio.Task[None]] = []
    async with safes.opened(postgres_url) as store:
        held = "SELECT instance FROM requests WHERE state IN ('HELD', 'STREAMING')"
        while len({row["instance"] for row in await store.rows(held)}) < 2:  # each of them has some
            streams.append(asyncio.create_task(_broken(pair, key)))
            await until(lambda: backend.running == len(streams))
        os.kill((await pair.event("a worker serves", 2))[0]["pid"], signal.SIGKILL)
        async with asyncio.timeout(4):  # the lease would last 15 s, and then it would be looked for
            while len({row["instance"] for row in await store.rows(held)}) > 1:
                await asyncio.sleep(0.1)
    for stream in streams:
        stream.cancel()
    await asyncio.wait(streams)


async def _broken(pair: Served, key: str) -> None:
    async with pair.chat(key) as response:
        with contextlib.suppress(httpx.HTTPError):
            async for _ in response.aiter_lines():
                pass


async def test_sigterm_lets_the_streams_of_all_workers_finish(pair: Served, backend: StandIn) -> None:
    key = await pair.key()
    backend.script(pieces=20, delay=0.1)

    async def whole() -> str:
        async with pair.chat(key) as response:
            lines = [line async for line in response.aiter_lines() if line]
        return lines[-1]

    streams = [asyncio.create_task(whole()) for _ in range(6)]
    await until(lambda: backend.running == 6)
    pair.signal(signal.SIGTERM)
    assert await asyncio.gather(*streams) == ["data: [DONE]"] * 6
    assert await pair.ended() == 0


async def test_a_second_signal_shortens_it_for_all(pair: Served, backend: StandIn) -> None:
    key = await pair.key()
    backend.script(pieces=3, hang_after=2)

    async def last() -> str:
        async with pair.chat(key) as response:
            return [line async for line in response.aiter_lines() if line][-1]

    streams = [asyncio.create_task(last()) for _ in range(4)]
    await until(lambda: backend.running == 4)
    pair.signal(signal.SIGTERM)
    await pair.event("draining")
    pair.signal(signal.SIGTERM)
    assert all("shutting_down" in each for each in await asyncio.gather(*streams))
    assert await pair.ended() == 0


async def test_workers_do_not_outlive_a_parent_that_was_killed(pair: Served) -> None:
    pids = [line["pid"] for line in await pair.event("a worker serves", 2)]
    pair.signal(signal.SIGKILL)
    await until(lambda: all(_gone(pid) for pid in pids))


async def test_what_no_worker_can_start_with_ends_the_whole_with_its_sentence(
    tmp_path: Path, backend: StandIn, postgres_url: str
) -> None:
    nowhere = postgres_url.replace("/aethergate_", "/no_such_database_")
    async with served(tmp_path, backend.url, "--workers", "2", database=nowhere) as gate:
        assert await gate.ended() == 1
    assert any("no_such_database_" in line and "does not exist" in line for line in gate.said)
    assert gate.said[-1] == "aethergate: the workers cannot serve; each has said why above"


async def test_money_is_exact_over_all_workers(pair: Served, backend: StandIn) -> None:
    key = await pair.key()
    backend.script(pieces=5)

    async def plain() -> int:
        async with pair.chat(key, stream=False) as response:
            await response.aread()
            return response.status_code

    codes = await asyncio.gather(*(plain() for _ in range(20)))
    assert codes == [200] * 20
    async with AdminClient(pair.url, token=ADMIN_KEY) as admin:
        assert (await admin.user("ada"))["balance_nano"] == 10_000_000_000 - 20 * (2 * 1_000 + 5 * 2_000)
        assert (await admin.audit())["clean"] is True


async def test_a_session_that_is_handed_back_is_refused_by_every_worker_within_five_seconds_and_after_a_restart(
    pair: Served,
) -> None:
    async with httpx.AsyncClient(base_url=pair.url) as http:
        opened = await http.post("/admin/session", json={}, headers={"x-admin-key": ADMIN_KEY})
        token = {"x-admin-key": opened.json()["token"]}
        assert (await http.delete("/admin/session", headers=token)).status_code == 200

    async def everywhere() -> set[int]:
        """What both workers answer: a new connection goes to either of them."""
        found = set()
        for _ in range(12):
            async with httpx.AsyncClient(base_url=pair.url) as http:
                found.add((await http.get("/admin/users", headers=token)).status_code)
        return found

    began = asyncio.get_running_loop().time()
    while 200 in await everywhere():
        assert asyncio.get_running_loop().time() - began < 6
        await asyncio.sleep(0.3)
    first = (await pair.event("a worker serves", 2))[0]["pid"]
    os.kill(first, signal.SIGKILL)
    await pair.event("a worker serves", 3)
    assert 200 not in await everywhere()
