"""Idempotency-Key on requests to models: carried out and billed once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.runtime.replays import Recent
from infra.store.models import Replay
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

CHAT: dict[str, Any] = {"model": "stand-in", "messages": [{"role": "user", "content": "one two three"}]}
PATH = "/v1/chat/completions"


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, backend: StandIn) -> AsyncIterator[Running]:
    async with running(tmp_path, MANIFEST, backend=backend.url) as found:
        yield found


async def post(gate: Running, key: str, body: Any, idempotency_key: str) -> Any:
    headers = {"authorization": f"Bearer {key}", "idempotency-key": idempotency_key}
    return await gate.client.post(PATH, json=body, headers=headers)


async def test_a_second_try_gets_the_first_answer_and_costs_nothing(gate: Running, backend: StandIn) -> None:
    key = await gate.key()
    first = await post(gate, key, CHAT, "k1")
    again = await post(gate, key, CHAT, "k1")
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    await gate.settled()
    assert len(await gate.requests()) == 1
    assert len([seen for seen in backend.seen if seen.method == "POST"]) == 1


async def test_while_the_first_runs_the_second_is_409_and_another_body_422(gate: Running, backend: StandIn) -> None:
    backend.script(first_delay=0.5)
    key = await gate.key()
    running_first = asyncio.ensure_future(post(gate, key, CHAT, "k1"))
    await asyncio.sleep(0.2)
    assert (await post(gate, key, CHAT, "k1")).status_code == 409
    assert (await post(gate, key, {**CHAT, "n": 2}, "k1")).status_code == 422
    assert (await running_first).status_code == 200


async def test_a_stream_is_not_carried_out_twice_and_the_refusal_names_the_first(gate: Running) -> None:
    key = await gate.key()
    first = await post(gate, key, {**CHAT, "stream": True}, "k1")
    assert "[DONE]" in first.text
    again = await post(gate, key, {**CHAT, "stream": True}, "k1")
    assert again.status_code == 409
    assert first.headers["x-request-id"] in again.json()["error"]["message"]


async def test_a_request_that_runs_for_longer_than_one_counts_as_abandoned_is_not_carried_out_twice(
    gate: Running, backend: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.runtime.replays.ABANDONED_SECONDS", 0)
    backend.script(first_delay=0.5)
    key = await gate.key()
    first = asyncio.ensure_future(post(gate, key, CHAT, "k1"))
    await asyncio.sleep(0.3)
    assert (await post(gate, key, CHAT, "k1")).status_code == 409
    assert (await first).status_code == 200
    assert len([seen for seen in backend.seen if seen.method == "POST"]) == 1


async def test_what_was_billed_is_not_carried_out_again_though_its_process_died_before_the_answer_was_noted(
    gate: Running, backend: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.runtime.replays.ABANDONED_SECONDS", 0)
    key = await gate.key()
    first = await post(gate, key, CHAT, "k1")
    backend.once(status=500)
    await post(gate, key, CHAT, "k2")
    (failed,) = [row.id for row in await gate.requests() if row.state == "VOID"]
    await Replay.all().update(status=None, body=first.headers["x-request-id"])
    gate.gateway.recent = Recent()
    again = await post(gate, key, CHAT, "k1")
    assert again.status_code == 409 and first.headers["x-request-id"] in again.json()["error"]["message"]
    await Replay.all().update(status=None, body=failed)
    assert (await post(gate, key, CHAT, "k1")).status_code == 200  # nothing was billed: it may be tried again


async def test_a_failed_request_gives_its_key_free(gate: Running, backend: StandIn) -> None:
    key = await gate.key()
    backend.once(status=500)
    assert (await post(gate, key, CHAT, "k1")).status_code == 502
    assert (await post(gate, key, CHAT, "k1")).status_code == 200


async def test_keys_of_two_users_do_not_meet(gate: Running) -> None:
    ada, bob = await gate.key("ada"), await gate.key("bob")
    one, two = await post(gate, ada, CHAT, "k1"), await post(gate, bob, CHAT, "k1")
    assert one.headers["x-request-id"] != two.headers["x-request-id"]
    assert "idempotent-replayed" not in two.headers


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    recent = Recent()
    for number in range(60):
        recent.put(f"req_{number}", b"{" + b" " * 900_000 + b"}")
    assert recent.get("req_0") is None
    assert recent.get("req_59") is not None
    recent.put("stream", b"data: {}\n\n")
    assert recent.get("stream") is None
