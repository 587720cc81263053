"""`retry-after` of who is refused at a busy backend: what one who comes back then really meets."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.infra.runtime.test_cut import CHAT, PATH
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

SERVICE = 0.4
"""Seconds that the backend takes for a request."""


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


async def measured(gate: Running, backend: StandIn) -> str:
    """A key, once the gateway knows how long a request takes."""
    key = await gate.key()
    backend.script(pieces=1, first_delay=SERVICE)
    for _ in range(6):
        assert (await gate.post(PATH, key, CHAT)).status_code == 200
    gate.gateway.pool._stations["one"].slots.seconds = 1.1 * SERVICE  # however slow this machine was
    return key


def slots(count: int, length: int, wait: str) -> str:
    text = "slots: 8, queue: {{length: 16, wait: 5s}}"
    assert text in MANIFEST
    return MANIFEST.replace(text, f"slots: {count}, queue: {{{{length: {length}, wait: {wait}}}}}")


async def crowd(
    gate: Running, key: str, count: int, refused: int
) -> tuple[list["asyncio.Task[Any]"], list[httpx.Response]]:
    """So many at once: those that got in, and the answers of those that were refused, of whom there are so many at
    least, however slow this machine is."""
    tasks = [asyncio.create_task(gate.post(PATH, key, CHAT)) for _ in range(count)]
    done, pending = await asyncio.wait(tasks, timeout=SERVICE / 2)
    while sum(task.result().status_code == 503 for task in done) < refused:
        more, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    answers = [task.result() for task in done if task.result().status_code == 503]
    assert len(answers) >= refused and {task.result().status_code for task in done} <= {200, 503}
    return [task for task in tasks if task not in done or task.result().status_code == 200], answers


async def test_a_full_queue_says_when_those_who_wait_will_have_been_served(tmp_path: Path, backend: StandIn) -> None:
    async with running(tmp_path, slots(2, 8, "60s"), backend=backend.url) as gate:
        key = await measured(gate, backend)
        began = time.monotonic()
        inside, refused = await crowd(gate, key, 15, 5)
        assert (len(inside), len(refused)) == (10, 5)
        (told,) = {int(answer.headers["retry-after"]) for answer in refused}
        served = asyncio.create_task(asyncio.wait(inside))
        await asyncio.sleep(told)
        back = time.monotonic()
        assert (await gate.post(PATH, key, CHAT)).status_code == 200
        again = time.monotonic() - back
        await served
        # The last of those who waited gets its slot four service times after the beginning.
        assert told == pytest.approx(time.monotonic() - began - SERVICE, rel=0.6, abs=1)
        assert told >= 4 * SERVICE
        assert again < 4 * SERVICE, "who comes back then hardly waits"


async def test_a_wait_that_would_be_too_long_says_when_it_no_longer_is(tmp_path: Path, backend: StandIn) -> None:
    async with running(tmp_path, slots(1, 32, "2s"), backend=backend.url) as gate:
        key = await measured(gate, backend)
        inside, refused = await crowd(gate, key, 12, 5)
        # Four wait for two seconds at most; the fifth would for more.
        assert 4 <= len(inside) <= 7 and len(refused) == 12 - len(inside)
        told = {int(answer.headers["retry-after"]) for answer in refused}
        assert max(told) <= 2, "by 0.4 s it was too long, or more where this machine was slow to take them in"
        await asyncio.sleep(max(told))
        back = time.monotonic()
        assert (await gate.post(PATH, key, CHAT)).status_code == 200, "let in, and served within the wait"
        assert time.monotonic() - back < 2 + 2 * SERVICE
        assert {task.result().status_code for task in inside if task.done()} == {200}
        await asyncio.gather(*inside)


async def test_a_backend_that_has_become_slow_is_not_taken_for_what_it_was(tmp_path: Path, backend: StandIn) -> None:
    async with running(tmp_path, slots(2, 8, "60s"), backend=backend.url) as gate:
        key = await gate.key()
        backend.script(pieces=1)
        for _ in range(6):
            assert (await gate.post(PATH, key, CHAT)).status_code == 200
        backend.script(pieces=1, first_delay=1.5)
        inside = [asyncio.create_task(gate.post(PATH, key, CHAT)) for _ in range(10)]
        async with asyncio.timeout(5):
            while backend.running < 2:
                await asyncio.sleep(0.02)
        await asyncio.sleep(1.1)  # the two have run for so long
        refused = await gate.post(PATH, key, CHAT)
        assert refused.status_code == 503
        assert 5 <= int(refused.headers["retry-after"]) <= 8, "nine places in two slots, a second each at least"
        assert {answer.status_code for answer in await asyncio.gather(*inside)} == {200}
