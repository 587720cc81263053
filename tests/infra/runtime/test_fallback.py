"""A model whose backends are gone is served by its fallback: who is told, and by whose price it is billed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.units import Rate
from tests.infra.runtime.test_relay import CHAT, PATH, stream
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY, Running, running

MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  a: {{adapter: openai, url: "{a}", slots: 1, queue: {{length: 4, wait: 5s}}}}
  b: {{adapter: openai, url: "{b}", slots: 8, queue: {{length: 64, wait: 5s}}}}
models:
  large: {{backend: a/large, price: {{input: 3.00/1M, output: 5.00/1M}}, fallback: middle, max_output: 64}}
  middle: {{backend: a/middle, price: {{input: 2.00/1M, output: 2.00/1M}}, fallback: small}}
  small: {{backend: b/small, price: {{input: 1.00/1M, output: 1.00/1M}}, max_output: 64,
      limits: {{total: {{requests: 9/h, tokens: 10000/h}}}}}}
  cheap: {{backend: a/cheap, price: {{input: 0.10/1M, output: 0.10/1M}}, fallback: small, max_output: 64}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [GET /admin/requests, "GET /admin/requests/{{id}}"], function: functions.admin_requests, access: admin}}
  - {{routes: [GET /admin/models, POST /admin/models, "GET /admin/models/{{id:path}}"],
      function: functions.admin_models, access: admin}}
"""
ASK: dict[str, Any] = {**CHAT, "model": "large"}
ADMIN = {"x-admin-key": ADMIN_KEY}


@pytest.fixture
async def a() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def b() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, database: str, a: StandIn, b: StandIn) -> AsyncIterator[Running]:
    async with running(tmp_path, MANIFEST, database, a=a.url, b=b.url) as found:
        yield found


async def down(gate: Running, server: StandIn) -> None:
    """The backend is gone, and a probe has found it."""
    await server.stop()
    await gate.gateway.pool.probe_all()


async def test_while_its_backend_is_there_a_model_serves_itself(gate: Running, b: StandIn) -> None:
    answer = await gate.post(PATH, await gate.key(), ASK)
    assert answer.json()["model"] == "large"
    assert "x-aethergate-fallback" not in answer.headers
    assert not b.seen


async def test_the_answer_the_bill_and_the_journal_say_which_model_served(gate: Running, a: StandIn) -> None:
    key = await gate.key()
    await down(gate, a)
    answer = await gate.post(PATH, key, ASK)
    assert (answer.status_code, answer.json()["model"]) == (200, "small")
    assert answer.headers["x-aethergate-fallback"] == "small"
    assert answer.headers["x-aethergate-cost"] == "0.000008", "3 tokens of prompt and 5 of answer at 1.00/1M"
    events = await stream(gate, key, {**ASK, "stream": True})
    assert {event["model"] for event in events[:-1]} == {"small"}
    await gate.settled()
    for row in await gate.requests():
        assert (row.model, row.served_model, row.backend, row.charged) == ("large", "small", "b", 8_000)
    shown = (await gate.client.get(f"/admin/requests/{row.id}", headers=ADMIN)).json()
    assert (shown["model"], shown["served_model"]) == ("large", "small")
    assert [line["price"] for line in shown["cost"]] == ["1.00/1M", "1.00/1M"]


async def test_a_busy_backend_is_waited_for_not_replaced(gate: Running, a: StandIn, b: StandIn) -> None:
    key = await gate.key()
    a.script(pieces=5, delay=0.05)
    answers = await asyncio.gather(*(gate.post(PATH, key, ASK) for _ in range(3)))
    assert {answer.json()["model"] for answer in answers} == {"large"}
    assert not b.seen


async def test_who_waits_when_the_backend_goes_is_served_by_the_fallback(gate: Running, a: StandIn, b: StandIn) -> None:
    key = await gate.key()
    a.script(pieces=50, delay=0.05)
    running_there = asyncio.create_task(gate.post(PATH, key, ASK))
    while not a.running:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(gate.post(PATH, key, ASK))
    await asyncio.sleep(0.2)
    await down(gate, a)
    assert (await waiting).json()["model"] == "small"
    assert (await running_there).status_code == 502
    await gate.settled()


async def test_a_backend_that_goes_after_the_hold_is_replaced_within_it(gate: Running, a: StandIn) -> None:
    """The probe has not seen yet that it is gone: the hold for `cheap` is taken, and covers `small` too."""
    key = await gate.key()
    await a.stop()
    answer = await gate.post(PATH, key, {**CHAT, "model": "cheap"})
    assert answer.json()["model"] == "small"
    await gate.settled()
    (row,) = await gate.requests()
    assert (row.served_model, row.charged, row.shortfall) == ("small", 8_000, 0)


async def test_a_fallback_that_is_found_after_the_hold_counts_in_its_own_limits_too(gate: Running, a: StandIn) -> None:
    """Tokens are reserved there as well, and corrected at the end."""
    key = await gate.key()
    await a.stop()
    for left in (9_992, 9_984):  # 8 tokens each
        answer = await gate.post(PATH, key, {**CHAT, "model": "cheap"})
        assert answer.json()["model"] == "small"
        await gate.settled()
        level = gate.gateway.limiter.windows.level("model small tokens", Rate(10_000, 3_600))
        assert 10_000 - level.used == left
        gate.gateway.pool._stations["a"].come_up()  # as if no probe had seen yet that it is gone
    for _ in range(7):
        await gate.post(PATH, key, {**CHAT, "model": "small"})
    answer = await gate.post(PATH, key, {**CHAT, "model": "cheap"})
    assert (answer.status_code, "this model for all callers" in answer.json()["error"]["message"]) == (429, True)
    await gate.settled()
    assert (await gate.requests())[-1].charged in (0, None)


async def test_a_balance_that_buys_the_model_but_not_its_fallback_is_refused_before_any_hold(
    gate: Running, a: StandIn
) -> None:
    key = await gate.key(balance="0.000100")
    assert (await gate.post(PATH, key, {**CHAT, "model": "cheap"})).status_code == 200
    await down(gate, a)
    answer = await gate.post(PATH, key, {**CHAT, "model": "cheap"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_quota")
    await gate.settled()


async def test_an_ejected_backend_with_a_fallback_is_not_used_until_its_trial(
    gate: Running, a: StandIn, b: StandIn
) -> None:
    key = await gate.key()
    a.script(status=500)
    answers = [await gate.post(PATH, key, ASK) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [502] * 5 + [200] * 3
    assert {answer.json()["model"] for answer in answers[5:]} == {"small"}


async def test_a_key_that_may_not_use_the_fallback_gets_none(gate: Running, a: StandIn) -> None:
    key = await gate.key(models=["large"])
    await down(gate, a)
    answer = await gate.post(PATH, key, ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_backend")


async def test_the_owner_sets_a_fallback_and_a_wrong_one_is_refused_in_a_sentence(gate: Running, a: StandIn) -> None:
    async def put(**fields: Any) -> Any:
        return await gate.client.post("/admin/models", headers=ADMIN, json={"id": "middle", **fields})

    for wrong, words in (
        ("smal", 'did you mean "small"'),
        ("large", "goes in a circle: middle → large → middle"),
        ("middle", "goes in a circle: middle → middle"),
    ):
        answer = await put(fallback=wrong)
        assert answer.status_code == 400
        assert words in answer.json()["error"]["message"]
    await gate.client.post(
        "/admin/models", headers=ADMIN, json={"id": "free", "upstream": "b/free", "price_in": 0, "price_out": 0}
    )
    answer = await put(fallback="free")
    assert (answer.status_code, answer.json()["fallback"], answer.json()["overrides_file"]) == (200, "free", True)
    await down(gate, a)
    assert (await gate.post(PATH, await gate.key(), ASK)).json()["model"] == "free"
    assert json.loads((await put(fallback=None)).content)["fallback"] == "small", "null is what the file says"


async def test_a_backend_that_its_owner_drains_is_replaced_too(gate: Running, a: StandIn) -> None:
    gate.gateway.pool.drain({"a"})
    answer = await gate.post(PATH, await gate.key(), ASK)
    assert (answer.json()["model"], answer.headers["x-aethergate-fallback"]) == ("small", "small")
