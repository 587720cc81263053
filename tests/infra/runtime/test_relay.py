"""A request through the whole gateway to a scripted backend: what is billed on every way out."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.runtime.relay import Relay
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

INPUT, OUTPUT = 1_000, 2_000
"""Nano-units per token at 1.00 and 2.00 per million."""
CHAT: dict[str, Any] = {"model": "stand-in", "messages": [{"role": "user", "content": "one two three"}]}
PATH = "/v1/chat/completions"


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, database: str, backend: StandIn) -> AsyncIterator[Running]:
    async with running(tmp_path, MANIFEST, database, backend=backend.url) as found:
        yield found


async def stream(gate: Running, key: str, body: Any) -> list[Any]:
    """All events of a stream, decoded; "[DONE]" as text."""
    events: list[Any] = []
    async with gate.client.stream("POST", PATH, json=body, headers={"authorization": f"Bearer {key}"}) as response:
        assert response.status_code == 200, await response.aread()
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                data = line.removeprefix("data: ")
                events.append(data if data == "[DONE]" else json.loads(data))
    return events


async def spent(gate: Running) -> int:
    user = await gate.user()
    await gate.settled()
    return 10_000_000_000 - (await gate.user(user.name)).balance


async def test_a_plain_answer_costs_exactly_its_usage(gate: Running, backend: StandIn) -> None:
    key = await gate.key()
    answer = await gate.post(PATH, key, CHAT)
    usage = answer.json()["usage"]
    cost = usage["prompt_tokens"] * INPUT + usage["completion_tokens"] * OUTPUT
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (3, 5)
    assert await spent(gate) == cost
    assert answer.headers["x-aethergate-cost"] == "0.000013"
    assert answer.headers["x-aethergate-balance"] == "9.999987"
    assert usage["cost"] == 0.000013
    row = (await gate.requests())[0]
    assert (row.id, row.state, row.basis) == (answer.headers["x-request-id"], "SETTLED", "measured")
    assert backend.seen[-1].headers["x-request-id"] == row.id


async def test_a_request_leaves_nothing_for_the_garbage_collector(gate: Running, backend: StandIn) -> None:
    key = await gate.key()
    backend.script(delay=0.02)  # long enough for the client to be watched
    gc.collect()
    gc.disable()
    try:
        await stream(gate, key, {**CHAT, "stream": True})
        await gate.settled()
        await asyncio.sleep(0.05)
        assert not any(isinstance(each, Relay) for each in gc.get_objects())
    finally:
        gc.enable()


async def test_a_stream_costs_exactly_its_usage_and_shows_it_only_where_asked(gate: Running) -> None:
    key = await gate.key()
    quiet = await stream(gate, key, {**CHAT, "stream": True})
    assert quiet[-1] == "[DONE]"
    assert not any("usage" in event for event in quiet[:-1])
    assert all(event["choices"] for event in quiet[:-1])
    told = await stream(gate, key, {**CHAT, "stream": True, "stream_options": {"include_usage": True}})
    assert told[-2]["choices"] == []
    assert told[-2]["usage"]["cost"] == 0.000013
    assert await spent(gate) == 2 * 13_000


async def test_a_settlement_is_on_the_disk_before_done_is_sent(gate: Running) -> None:
    key = await gate.key()
    async with gate.client.stream(
        "POST", PATH, json={**CHAT, "stream": True}, headers={"authorization": f"Bearer {key}"}
    ) as response:
        async for line in response.aiter_lines():
            if line == "data: [DONE]":
                assert [row.state for row in await gate.requests()] == ["SETTLED"]


async def test_a_client_that_leaves_mid_stream_pays_for_what_was_received(gate: Running, backend: StandIn) -> None:
    backend.script(pieces=60, delay=0.02)
    key = await gate.key()
    async with gate.client.stream(
        "POST", PATH, json={**CHAT, "stream": True}, headers={"authorization": f"Bearer {key}"}
    ) as response:
        seen = 0
        async for line in response.aiter_lines():
            seen += '"content":"w' in line
            if seen == 5:
                break
    assert await backend.seen[-1].end() == "left"
    cost = await spent(gate)
    row = (await gate.requests())[0]
    assert (row.state, row.basis, row.status) == ("SETTLED", "partial", 499)
    assert 5 <= row.output_tokens <= backend.seen[-1].pieces
    assert cost == row.input_tokens * INPUT + row.output_tokens * OUTPUT


async def test_a_client_that_leaves_before_the_answer_pays_the_prompt(gate: Running, backend: StandIn) -> None:
    backend.script(first_delay=5)
    key = await gate.key()
    with pytest.raises(httpx.ReadTimeout):
        await gate.post(PATH, key, CHAT, timeout=0.5)
    assert await backend.seen[-1].end() == "left"
    await spent(gate)
    row = (await gate.requests())[0]
    assert (row.state, row.basis, row.output_tokens) == ("SETTLED", "partial", 0)
    assert row.charged == row.input_tokens * INPUT > 0


@pytest.mark.parametrize(
    "script",
    [
        {"status": 500},
        {"hang_up": True},
        {"garbage": b"<html>"},
        {"status": 429},
        {"status": 400, "error": {"message": "bad", "type": "invalid_request_error"}},
        {"die_after": 0},
        {"pieces": 0, "finish": "error"},
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_failed_before_any_content_costs_nothing(
    gate: Running, backend: StandIn, script: dict[str, Any], streamed: bool
) -> None:
    backend.script(**script)
    key = await gate.key()
    answer = await gate.post(PATH, key, {**CHAT, "stream": streamed})
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert "127.0.0.1" not in error["message"]
    assert await spent(gate) == 0
    assert (await gate.requests())[0].state == "VOID"


@pytest.mark.parametrize("after", [1, 5])
async def test_a_backend_that_dies_mid_stream_is_billed_as_far_as_it_came_and_the_client_is_told(
    gate: Running, backend: StandIn, after: int
) -> None:
    backend.script(pieces=9, die_after=after, delay=0.01)
    key = await gate.key()
    events = await stream(gate, key, {**CHAT, "stream": True})
    assert events[-1]["error"]["code"] == "backend_error"
    assert "[DONE]" not in events
    await spent(gate)
    row = (await gate.requests())[0]
    assert (row.state, row.basis, row.output_tokens, row.error_code) == ("SETTLED", "partial", after, "backend_error")


@pytest.mark.parametrize(
    "usage",
    [False, {"prompt_tokens": -1}, {"prompt_tokens": "many"}, {"prompt_tokens": 1.5}, {"prompt_tokens": 10**30}, "x"],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_usage_that_cannot_be_believed_is_estimated_within_the_cap(
    gate: Running, backend: StandIn, usage: Any, streamed: bool
) -> None:
    backend.script(usage=usage)
    key = await gate.key()
    answer = await gate.post(PATH, key, {**CHAT, "stream": streamed})
    assert answer.status_code == 200
    await spent(gate)
    row = (await gate.requests())[0]
    assert (row.state, row.basis) == ("SETTLED", "estimated")
    assert 1 <= row.output_tokens <= 64


async def test_an_absurd_usage_is_clamped_to_what_was_asked(gate: Running, backend: StandIn) -> None:
    backend.script(usage={"prompt_tokens": 3, "completion_tokens": 10**8, "total_tokens": 10**8})
    key = await gate.key()
    answer = await gate.post(PATH, key, {**CHAT, "max_tokens": 7})
    assert answer.json()["usage"]["completion_tokens"] == 7
    assert await spent(gate) == 3 * INPUT + 7 * OUTPUT


async def test_a_small_balance_is_spent_to_zero_and_the_answer_says_so(gate: Running, backend: StandIn) -> None:
    backend.script(pieces=64)
    key = await gate.key(balance="0.0004")
    answer = await gate.post(PATH, key, {**CHAT, "max_tokens": 64})
    assert answer.status_code == 200
    assert answer.headers["x-aethergate-limited"] == "balance"
    sent = backend.seen[-1].body["max_tokens"]
    assert 16 <= sent < 64
    assert answer.json()["usage"]["completion_tokens"] == sent
    await gate.settled()
    assert (await gate.user()).balance == 400_000 - 3 * INPUT - sent * OUTPUT


async def test_a_balance_that_is_gone_is_402_and_nothing_is_sent(gate: Running, backend: StandIn) -> None:
    key = await gate.key(balance="0.00001")
    answer = await gate.post(PATH, key, CHAT)
    assert answer.status_code == 402
    assert answer.json()["error"]["code"] == "insufficient_quota"
    assert "you have 0.00001" in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert not [seen for seen in backend.seen if seen.method == "POST"]
    for _ in range(100):  # the journal does not hold the answer up
        if await gate.requests():
            break
        await asyncio.sleep(0.02)
    assert [(row.state, row.error_code) for row in await gate.requests()] == [("VOID", "insufficient_quota")]


async def test_never_more_requests_at_a_backend_than_it_has_slots(gate: Running, backend: StandIn) -> None:
    backend.script(pieces=3, delay=0.02)
    key = await gate.key()
    answers = await asyncio.gather(*(gate.post(PATH, key, CHAT) for _ in range(40)))
    codes = [answer.status_code for answer in answers]
    assert backend.running_max <= 8
    assert codes.count(200) + codes.count(503) == 40
    assert codes.count(200) >= 24
    assert all(int(a.headers["retry-after"]) >= 1 for a in answers if a.status_code == 503)
    assert await spent(gate) == codes.count(200) * (3 * INPUT + 3 * OUTPUT)


async def test_many_mixed_endings_leave_nothing_held(gate: Running, backend: StandIn) -> None:
    key = await gate.key()

    async def one(number: int) -> None:
        kind = number % 4
        backend.once(pieces=10, delay=0.005, die_after=4 if kind == 1 else None, status=500 if kind == 2 else 200)
        try:
            await gate.post(PATH, key, {**CHAT, "stream": number % 2 == 0}, timeout=0.05 if kind == 3 else 10)
        except httpx.HTTPError:
            return

    for start in range(0, 80, 16):
        await asyncio.gather(*(one(number) for number in range(start, start + 16)))
    await gate.settled()
    assert not gate.gateway.relays
    assert all(state.busy == 0 for state in gate.gateway.pool.states())
