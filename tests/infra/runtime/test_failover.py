"""Two backends for one model, of which one fails: who sees it, who is billed, and when it is used again."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.backends import ejection
from tests.infra.runtime.test_relay import CHAT, PATH, stream
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY, Running, running

MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  a: {{adapter: openai, url: "{a}", slots: 8, queue: {{length: 64, wait: 5s}}}}
  b: {{adapter: openai, url: "{b}", slots: 8, queue: {{length: 64, wait: 5s}}}}
models:
  stand-in:
    backend: [a/stand-in, {{to: b/stand-in, weight: 1}}]
    price: {{input: 1.00/1M, output: 2.00/1M}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [GET /admin/backends], function: functions.admin_backends, access: admin}}
  - {{routes: [GET /metrics], function: functions.metrics, access: admin}}
"""


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


def said(number: int) -> dict[str, object]:
    """Each a conversation of its own, so that they spread."""
    return {**CHAT, "messages": [{"role": "user", "content": f"one two {number}"}]}


async def backend_b(gate: Running) -> dict[str, object]:
    answer = await gate.client.get("/admin/backends", headers={"x-admin-key": ADMIN_KEY})
    found: dict[str, object] = answer.json()["data"][1]
    return found


async def test_a_backend_that_answers_500_is_passed_over_ejected_and_used_again_when_it_is_well(
    gate: Running, a: StandIn, b: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ejection, "FIRST_SECONDS", 0.3)
    for station in gate.gateway.pool._stations.values():
        station.ejection._seconds = 0.3
    key = await gate.key()
    b.script(status=500)
    answers = [await gate.post(PATH, key, said(n)) for n in range(40)]
    assert Counter(answer.status_code for answer in answers) == {200: 40}
    assert len(b.seen) >= 5
    shown = await backend_b(gate)
    assert (shown["ejected"], shown["up"]) == (True, True)
    page = (await gate.client.get("/metrics", headers={"x-admin-key": ADMIN_KEY})).text
    assert 'aethergate_backend_events_total{backend="b",what="ejected"} ' in page
    assert 'aethergate_backend_ejected{backend="b"} 1.0' in page
    b.script(pieces=5)
    await asyncio.sleep(0.7)
    seen = len(b.seen)
    for n in range(40):
        assert (await gate.post(PATH, key, said(n))).status_code == 200
    assert len(b.seen) > seen + 5
    assert (await backend_b(gate))["failures"] == 0
    await gate.settled()
    rows = await gate.requests()
    assert {row.charged for row in rows} == {3 * 1_000 + 5 * 2_000}
    assert {row.status for row in rows} == {200}


async def test_beyond_the_retry_budget_the_error_is_told(gate: Running, a: StandIn, b: StandIn) -> None:
    key = await gate.key()
    b.script(status=500)
    budget = gate.gateway.pool.budget("stand-in")
    while budget.spend():
        continue
    answers = [await gate.post(PATH, key, said(n)) for n in range(40)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == 4, "the fifth ejects it, and is tried again as all that are there then"
    assert all(answer.status_code == 502 and answer.headers["retry-after"] == "1" for answer in refused)
    assert "too many requests are being tried again" in refused[0].json()["error"]["message"].lower()
    await gate.settled()
    assert {row.charged for row in await gate.requests() if row.status == 502} == {0}


@pytest.mark.parametrize("script", [{"hang_up": True}, {"die_after": 0}])
async def test_what_may_have_generated_is_not_sent_again(
    gate: Running, a: StandIn, b: StandIn, script: dict[str, object]
) -> None:
    key = await gate.key()
    a.script(**script)
    b.script(**script)
    assert (await gate.post(PATH, key, CHAT)).status_code == 502
    assert len(a.seen) + len(b.seen) == 1


async def test_mistakes_of_callers_that_come_as_500_neither_fail_over_nor_count(
    gate: Running, a: StandIn, b: StandIn
) -> None:
    key = await gate.key()
    error = {"message": "Failed to parse messages: Missing 'role' in message", "code": 500}
    for server in (a, b):
        server.script(status=500, error=error)
    answers = [await gate.post(PATH, key, said(n)) for n in range(20)]
    assert {answer.status_code for answer in answers} == {400}
    assert len(a.seen) + len(b.seen) == 20
    assert all(not state.ejected and not state.failures for state in gate.gateway.pool.states())


async def test_streams_that_break_off_count_and_are_billed_as_far_as_they_came(
    gate: Running, a: StandIn, b: StandIn
) -> None:
    key = await gate.key()
    b.script(pieces=9, die_after=2)
    ends = [await stream(gate, key, {**said(n), "stream": True}) for n in range(40)]
    broken = [events for events in ends if events[-1] != "[DONE]"]
    assert len(broken) == 5
    assert all(events[-1]["error"]["code"] == "backend_error" for events in broken)
    await gate.settled()
    rows = [row for row in await gate.requests() if row.status != 200]
    assert [(row.basis, row.output_tokens) for row in rows] == [("partial", 2)] * 5


async def test_a_stream_fails_over_before_the_first_byte(gate: Running, a: StandIn, b: StandIn) -> None:
    key = await gate.key()
    b.script(status=503)
    ends = [await stream(gate, key, {**said(n), "stream": True}) for n in range(20)]
    assert all(events[-1] == "[DONE]" for events in ends)
    assert (await backend_b(gate))["ejected"]


async def test_a_conversation_stays_with_one_backend(gate: Running, a: StandIn, b: StandIn) -> None:
    key = await gate.key()
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]
    for turn in range(6):
        answer = await gate.post(PATH, key, {"model": "stand-in", "messages": messages})
        messages += [answer.json()["choices"][0]["message"], {"role": "user", "content": f"turn {turn}"}]
    assert {len(a.seen), len(b.seen)} == {0, 6}
