"""The real `openai` package in a queue: a stream is told its place and comes, a plain request waits silently."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, AsyncOpenAI

from infra.runtime import relay
from infra.store.models import Key
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

QUEUED = MANIFEST.replace("slots: 8, queue: {{length: 16, wait: 5s}}", "slots: 1, queue: {{length: 2, wait: 30s}}")
CHAT: dict[str, Any] = {"model": "stand-in", "messages": [{"role": "user", "content": "one two three"}]}


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, backend: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr(relay, "QUEUE_COMMENT_SECONDS", 0.3)
    async with running(tmp_path, QUEUED, backend=backend.url) as found:
        yield found


async def test_streams_are_told_their_place_and_plain_requests_wait_silently(gate: Running, backend: StandIn) -> None:
    backend.once(first_delay=2.0)
    key = await gate.key()
    async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=key, max_retries=0) as client:
        first = asyncio.create_task(client.chat.completions.create(**CHAT))
        await asyncio.sleep(0.2)
        plain = asyncio.create_task(client.chat.completions.create(**CHAT))
        await asyncio.sleep(0.2)

        async def raw() -> list[str]:
            headers = {"authorization": f"Bearer {key}"}
            body = {**CHAT, "stream": True}
            async with gate.client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
                assert answer.status_code == 200
                return [line async for line in answer.aiter_lines() if line]

        stream = asyncio.create_task(raw())
        await asyncio.sleep(0.2)
        with pytest.raises(APIStatusError) as refused:
            await client.chat.completions.create(**CHAT)
        assert refused.value.status_code == 503
        assert int(refused.value.response.headers["retry-after"]) >= 1
        lines = await stream
        assert lines[0].startswith(": queued position=2 eta=")
        assert lines[-1] == "data: [DONE]"
        assert (await first).choices and (await plain).choices
    await gate.settled()


async def test_an_sdk_reads_over_the_comments_of_the_queue(gate: Running, backend: StandIn) -> None:
    backend.once(first_delay=1.2)
    async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=await gate.key(), max_retries=0) as client:
        first = asyncio.create_task(client.chat.completions.create(**CHAT))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        chunks = [chunk async for chunk in await client.chat.completions.create(**CHAT, stream=True)]
        assert time.monotonic() - began > 0.5
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "w0 w1 w2 w3 w4 "
        await first
    await gate.settled()


async def test_leaving_the_queue_costs_nothing_and_starts_nothing(gate: Running, backend: StandIn) -> None:
    backend.once(first_delay=1.5)
    async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=await gate.key(), max_retries=0) as client:
        first = asyncio.create_task(client.chat.completions.create(**CHAT))
        await asyncio.sleep(0.2)
        waiting = asyncio.create_task(client.chat.completions.create(**CHAT))
        await asyncio.sleep(0.3)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        for _ in range(100):
            if gate.gateway.pool.states()[0].queued == 0:
                break
            await asyncio.sleep(0.02)
        assert gate.gateway.pool.states()[0].queued == 0
        assert not first.done()
        await first
    await gate.settled()
    assert len(backend.seen) == 1
    assert sorted((row.state, row.status, row.charged) for row in await gate.requests()) == [
        ("SETTLED", 200, 13_000),
        ("VOID", 499, 0),
    ]


async def test_a_key_that_is_revoked_while_it_waits_starts_nothing(gate: Running, backend: StandIn) -> None:
    backend.once(first_delay=0.5)
    first, second = await gate.key(), await gate.key("eve")
    running = asyncio.create_task(gate.post("/v1/chat/completions", first, CHAT))
    async with asyncio.timeout(5):
        while not backend.running:
            await asyncio.sleep(0.01)
    waiting = asyncio.create_task(gate.post("/v1/chat/completions", second, CHAT))
    async with asyncio.timeout(5):
        while not gate.gateway.pool.states()[0].queued:
            await asyncio.sleep(0.01)
    await gate.gateway.identity.keys.revoke((await Key.get(user_id=(await gate.user("eve")).id)).id)
    assert (await running).status_code == 200
    assert (await waiting).status_code == 401
    assert len(backend.seen) == 1
    await gate.settled()
