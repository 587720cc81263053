"""A balance under everything at once is spent to the nano and never below."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.config.urls import database_url
from infra.ledger import audit
from infra.ledger.books import RequestRow
from infra.ledger.ledger import Ledger
from infra.ledger.operations import Recover
from infra.store.clock import now_us
from infra.store.database import Store
from tests.torture.cluster import FULL, Cluster
from tests.torture.load import CHAT, PATH, new_key


async def test_two_hundred_at_once_on_money_for_fifty(gates: Cluster) -> None:
    """16 tokens at 2.00/1M cost 32,000 nano, prompts nothing: the hold is the cost."""
    gates.backend.script(pieces=16, first_delay=0.05)
    await gates.start()
    urls = gates.urls()
    for round in range(20 if FULL else 1):
        key = await new_key(gates, f"user{round}", "0.0016")
        before = len(gates.backend.seen)
        statuses = await _at_once(200, urls, key, {**CHAT, "model": "exact", "max_tokens": 16})
        assert statuses[200] == 50 and statuses[200] + statuses[402] + statuses[429] == 200, statuses
        assert len(gates.backend.seen) - before == 50
        (row,) = await gates.store.rows("SELECT balance, held FROM users WHERE name = ?", f"user{round}")
        assert (row["balance"], row["held"]) == (0, 0)
    await gates.proved()


async def test_what_costs_less_than_its_hold_adds_up(gates: Cluster) -> None:
    await gates.start()
    urls = gates.urls()
    key = await new_key(gates, "ada", "0.0016")
    for _ in range(200):
        gates.backend.once(pieces=gates.random.randint(1, 16), first_delay=0.02)
    watching = asyncio.create_task(_never_negative(gates))
    statuses = await _at_once(200, urls, key, {**CHAT, "model": "exact", "max_tokens": 16})
    watching.cancel()
    assert set(statuses) <= {200, 402, 429} and statuses[200] >= 50
    (row,) = await gates.store.rows("SELECT balance, held FROM users")
    charged = sum(found["charged"] for found in (await gates.rows()).values())
    assert (row["balance"], row["held"]) == (1_600_000 - charged, 0)
    await gates.proved()


async def _never_negative(gates: Cluster) -> None:
    while True:
        for row in await gates.store.rows("SELECT balance, held FROM users"):
            assert 0 <= row["held"] <= row["balance"]
        await asyncio.sleep(0.02)


async def _at_once(count: int, urls: list[str], key: str, body: dict[str, Any]) -> Counter[int]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=60, limits=limits, headers={"authorization": f"Bearer {key}"}) as http:
        asked = [http.post(urls[n % len(urls)] + PATH, json=body) for n in range(count)]
        return Counter(answer.status_code for answer in await asyncio.gather(*asked))


@pytest.fixture
async def store(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    found = Store(database_url(database))
    await found.open()
    yield found
    await found.close()


async def test_settle_void_and_expiry_of_one_hold_have_one_effect(store: Store) -> None:
    """Fired together by its owner and by another process that takes the owner for dead."""
    mine, other = Ledger(store, "inst_1"), Ledger(store, "inst_2")
    await mine.start()
    await other.start()
    user = await mine.open_user("ada", 10**9, actor="t", address="t")
    for number in range(1_000 if FULL else 150):
        row = RequestRow(f"req_{number}", "HELD", "inst_1", user.id, "key", "chat", "m", now_us())
        await mine.hold(row, 500, 500)
        settled, voided, expired = await asyncio.gather(
            mine.settle(row, 300), mine.void(row), other.writer.submit(Recover(row.id, user.id, now_us()))
        )
        assert settled is not None and voided is not None
        assert (settled.state, settled.charged) == (voided.state, voided.charged) == (expired.state, expired.charged)
    await mine.stop()
    await other.stop()
    report = await audit.audit(store)
    assert report.clean and report.held_total == 0, report.findings
