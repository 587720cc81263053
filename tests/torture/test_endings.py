"""Every way in which a request can end, mixed; one account that everybody draws on; answers that are lost."""

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
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import Entry
from tests.infra.ledger.test_outage import Outage
from tests.torture.cluster import FULL, Cluster
from tests.torture.load import CHAT, PATH, Load, new_key

ENDINGS: list[dict[str, Any]] = [
    {"pieces": 6},
    {"pieces": 6, "usage": False},
    {"pieces": 6, "usage": {"prompt_tokens": None, "completion_tokens": -4}},
    {"pieces": 6, "usage": {"prompt_tokens": 10**12, "completion_tokens": 10**12}},
    {"pieces": 6, "die_after": 0},
    {"pieces": 6, "die_after": 1},
    {"pieces": 6, "die_after": 5},
    {"pieces": 6, "hang_up": True},
    {"status": 500},
    {"status": 429},
    {"garbage": b"<html>no</html>"},
    {"pieces": 0},
    {"pieces": 3, "error_event": {"message": "out of memory"}},
    {"pieces": 6, "delay": 0.01},
]


async def test_ten_thousand_mixed_endings_leave_nothing_held(gates: Cluster) -> None:
    count = 10_000 if FULL else 300
    gates.backend.script(pieces=4)
    await gates.start()
    load = Load(gates, await new_key(gates), width=0)
    left = iter(range(count))
    ends: Counter[str] = Counter()

    async def client() -> None:
        async with httpx.AsyncClient(timeout=30) as http:
            for _ in left:
                gates.backend.once(**gates.random.choice(ENDINGS))
                ends[await load.one(http, gates.random.choice(gates.urls()))] += 1

    await asyncio.gather(*(client() for _ in range(32)))
    await gates.resolved(2)
    await gates.proved()
    print(f"\n{gates.kind}: {dict(ends)}")
    assert not {"402", "401", "429"} & set(ends)  # the account has money for all of them, as the audit says
    rows, seen = await gates.rows(), {found.headers["x-request-id"]: found for found in gates.backend.seen}
    for id in load.whole:
        assert rows[id]["state"] in ("SETTLED", "VOID") and rows[id]["output_tokens"] <= 64
        assert seen[id].state != "died", f"a false end: {rows[id]}"


async def test_one_account_and_everybody_at_once(gates: Cluster) -> None:
    seconds = 120 if FULL else 4
    gates.backend.script(pieces=2)
    await gates.start()
    key = await new_key(gates)
    loop = asyncio.get_running_loop()
    until, statuses = loop.time() + seconds, Counter[int]()

    async def client(number: int) -> None:
        async with httpx.AsyncClient(timeout=30, headers={"authorization": f"Bearer {key}"}) as http:
            while loop.time() < until:
                answer = await http.post(gates.urls()[number % len(gates.urls())] + PATH, json=CHAT)
                statuses[answer.status_code] += 1

    await asyncio.gather(*(client(number) for number in range(64)))
    events = [line["event"] for gate in gates.gates for line in gate.lines]
    trouble = [event for event in events if "deadlock" in event.lower() or "locked" in event.lower()]
    print(
        f"\n{gates.kind}: {dict(statuses)} in {seconds} s, {len(trouble)} commits that waited too long: {trouble[:3]}"
    )
    assert set(statuses) == {200}
    assert not [event for event in trouble if "deadlock" in event.lower()]
    await gates.resolved(2)
    await gates.proved()


@pytest.fixture
async def store(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    found = Store(database_url(database))
    await found.open()
    yield found
    await found.close()


async def test_a_connection_cut_between_commit_and_its_answer(store: Store) -> None:
    count = 200
    ledger = Ledger(store, "inst_1")
    outage = ledger.writer._vault = Outage(ledger.writer._vault)  # type: ignore[assignment]
    await ledger.start()
    user = await ledger.open_user("ada", 10**9, actor="t", address="t")
    for number in range(count):
        row = RequestRow(f"req_{number}", "HELD", "inst_1", user.id, "key", "chat", "m", now_us())
        outage.lost_answers = 1
        await ledger.hold(row, 1_000, 1_000)
        outage.lost_answers = 1
        await ledger.settle(row, 300)
    await ledger.stop()
    assert (await ledger.money(user.id, fresh=True)).balance == 10**9 - count * 300
    assert await Entry.filter(kind="usage").count() == count
    report = await audit.audit(store)
    assert report.clean and report.held_total == 0, report.findings
