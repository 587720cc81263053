"""Service tiers: what they cost, who they wait behind, and what is said of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError

from infra.ledger.audit import audit
from tests.infra.runtime.test_relay import CHAT, PATH, spent
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

TIERS = "service_tiers: {{priority: {{price: 1.5}}, flex: {{price: 0.333333}}}}"
TIERED = MANIFEST.replace('database: "{database}"', f'database: "{{database}}", {TIERS}').replace(
    "slots: 8", "slots: 1"
)


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, database: str, backend: StandIn) -> AsyncIterator[Running]:
    async with running(tmp_path, TIERED, database, backend=backend.url) as found:
        yield found


@pytest.mark.parametrize(("tier", "cost"), [("priority", 19_500), ("flex", 4_334), ("default", 13_000)])
async def test_a_bill_has_the_factor_of_its_tier_rounded_once_and_up(gate: Running, tier: str, cost: int) -> None:
    answer = await gate.post(PATH, await gate.key(), {**CHAT, "service_tier": tier})
    assert answer.json()["service_tier"] == tier
    assert await spent(gate) == cost  # 13,000 × 0.333333 = 4,333.329
    row = (await gate.requests())[0]
    assert (row.tier, row.price_factor_ppm) == (tier, {"priority": 1_500_000, "flex": 333_333}.get(tier, 1_000_000))
    report = await audit(gate.gateway.store, reprice=True)
    assert (report.repriced, report.findings) == (1, ())


async def test_the_hold_has_the_factor_too(gate: Running, backend: StandIn) -> None:
    backend.script(first_delay=0.3)
    key = await gate.key()
    plain = asyncio.create_task(gate.post(PATH, key, CHAT))
    await asyncio.sleep(0.15)
    held = (await gate.user()).held
    await plain
    backend.script(first_delay=0.3)
    dear = asyncio.create_task(gate.post(PATH, key, {**CHAT, "service_tier": "priority"}))
    await asyncio.sleep(0.15)
    assert (await gate.user()).held == held * 3 // 2 > 0
    await dear
    await gate.settled()


async def test_a_small_balance_buys_less_of_a_dear_tier(gate: Running, backend: StandIn) -> None:
    key = await gate.key(balance="0.0006")
    answer = await gate.post(PATH, key, {**CHAT, "max_tokens": 60})
    assert answer.status_code == 200
    answer = await gate.post(PATH, key, {**CHAT, "max_tokens": 60, "service_tier": "priority"})
    assert (answer.status_code, answer.headers["x-aethergate-limited"]) == (200, "balance")
    sent = backend.seen[-1].body["max_tokens"]
    assert "service_tier" not in backend.seen[-1].body
    assert 0 < sent < 60
    await gate.settled()


async def test_an_sdk_reads_the_tier_in_answers_and_in_every_chunk(gate: Running) -> None:
    async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=await gate.key(), max_retries=0) as client:
        asked: Any = {**CHAT, "service_tier": "flex"}
        assert (await client.chat.completions.create(**asked)).service_tier == "flex"
        chunks = [chunk async for chunk in await client.chat.completions.create(**asked, stream=True)]
        assert {chunk.service_tier for chunk in chunks} == {"flex"}
        assert (await client.chat.completions.create(**{**asked, "service_tier": "auto"})).service_tier == "default"
        assert (await client.chat.completions.create(**CHAT)).service_tier is None
        with pytest.raises(BadRequestError, match="'auto', 'default', 'priority', 'flex'") as caught:
            await client.chat.completions.create(**{**asked, "service_tier": "scale"})
        assert caught.value.param == "service_tier"
    await gate.settled()


async def test_who_pays_for_priority_goes_first_and_flex_only_when_nobody_waits(
    gate: Running, backend: StandIn
) -> None:
    backend.script(first_delay=0.05)
    backend.once(first_delay=1.5)
    keys = [await gate.key(f"user{number}") for number in range(5)]
    order: list[str] = []

    async def ask(key: str, tier: str) -> None:
        await gate.post(PATH, key, {**CHAT, "service_tier": tier})
        order.append(tier)

    tasks = []
    for key, tier in zip(keys, ["default", "flex", "default", "flex", "priority"], strict=True):
        tasks.append(asyncio.create_task(ask(key, tier)))
        await asyncio.sleep(0.015)
    await asyncio.gather(*tasks)
    assert order == ["default", "priority", "default", "flex", "flex"]
    await gate.settled()


async def test_a_tier_that_is_not_offered_is_refused_and_costs_nothing(tmp_path: Path, backend: StandIn) -> None:
    async with running(tmp_path, MANIFEST, backend=backend.url) as gate:
        answer = await gate.post(PATH, await gate.key(), {**CHAT, "service_tier": "priority"})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "service_tier")
        assert "'auto', 'default'." in answer.json()["error"]["message"]
        wrong = await gate.post(PATH, await gate.key("bob"), {**CHAT, "service_tier": 5})
        assert "expected a string" in wrong.json()["error"]["message"]
        assert await spent(gate) == 0
