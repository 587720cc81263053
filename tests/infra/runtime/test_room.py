"""Where no queue has room the refusal comes first, and only there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.infra.runtime.test_relay import CHAT, PATH
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

FULL = MANIFEST.replace("slots: 8, queue: {{length: 16, wait: 5s}}", "slots: 1, queue: {{length: 2, wait: 5s}}")


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, backend: StandIn) -> AsyncIterator[Running]:
    async with running(tmp_path, FULL, backend=backend.url) as found:
        yield found


async def crowd(gate: Running, backend: StandIn, key: str) -> list["asyncio.Task[int]"]:
    """One runs and two wait, until the event is over."""
    backend.script(first_delay=0.6)

    async def ask() -> int:
        return (await gate.post(PATH, key, CHAT)).status_code

    tasks = [asyncio.create_task(ask()) for _ in range(3)]
    for _ in range(200):
        if gate.gateway.pool.states()[0].queued == 2:
            return tasks
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_who_finds_the_queue_full_is_refused_journalled_and_told_when_to_come_again(
    gate: Running, backend: StandIn
) -> None:
    key = await gate.key()
    tasks = await crowd(gate, backend, key)
    answer = await gate.post(PATH, key, CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1
    assert await asyncio.gather(*tasks) == [200, 200, 200]
    await gate.settled()
    for _ in range(100):
        if len(await gate.requests()) == 4:
            break
        await asyncio.sleep(0.02)
    row = next(row for row in await gate.requests() if row.state == "VOID")
    assert (row.status, row.error_code, row.model, row.charged) == (503, "overloaded", "stand-in", 0)
    assert len(backend.seen) == 3


async def test_what_else_is_wrong_with_a_request_is_said_even_where_the_queue_is_full(
    gate: Running, backend: StandIn
) -> None:
    key = await gate.key()
    tasks = await crowd(gate, backend, key)
    wrong = [
        (404, {**CHAT, "model": "other"}),
        (400, {**CHAT, "service_tier": "gold"}),
        (400, {"messages": []}),
    ]
    assert [(await gate.post(PATH, key, body)).status_code for _, body in wrong] == [status for status, _ in wrong]
    assert (await gate.post(PATH, "sk-nobody", CHAT)).status_code == 401
    await asyncio.gather(*tasks)


async def test_the_owner_waits_even_where_the_queue_is_full_and_is_next(gate: Running, backend: StandIn) -> None:
    key = await gate.key()
    own = await gate.key("owner", owner=True)
    tasks = await crowd(gate, backend, key)
    answer = await gate.post(PATH, own, CHAT)
    assert answer.status_code == 200
    assert sum(task.done() for task in tasks) == 1
    await asyncio.gather(*tasks)


async def test_an_answer_that_is_kept_for_a_retry_needs_no_place(gate: Running, backend: StandIn) -> None:
    key = await gate.key()
    headers = {"authorization": f"Bearer {key}", "idempotency-key": "once"}
    first = await gate.client.post(PATH, json=CHAT, headers=headers)
    tasks = await crowd(gate, backend, key)
    again = await gate.client.post(PATH, json=CHAT, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    await asyncio.gather(*tasks)
