"""Every way in which a request can end, mixed; one account that everybody draws on; answers that are lost."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.config.urls import database_url
from infra.ledger import audit
from infra.ledger.books import RequestRow
from infra.ledger.ledger import Ledger
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import Entry
from tests.infra.ledger.test_outage import Outage
from tests.standins.running import ADMIN_KEY
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

OWNED = {
    "in_flight": "aethergate_in_flight",
    "busy": "aethergate_backend_busy",
    "queued": "aethergate_backend_queued",
    "tasks": "aethergate_tasks",
    "files": "process_open_fds",
}


async def test_ten_thousand_mixed_endings_leave_nothing_held(gates: Cluster) -> None:
    count = 10_000 if FULL else 300
    gates.backend.script(pieces=4)
    await gates.start()
    load = Load(gates, await new_key(gates), width=0)
    ends: Counter[str] = Counter()

    async def client(left: Iterator[int]) -> None:
        async with httpx.AsyncClient(timeout=30) as http:
            for _ in left:
                gates.backend.once(**gates.random.choice(ENDINGS))
                ends[await load.one(http, gates.random.choice(gates.urls()))] += 1

    async def clients(count: int) -> None:
        left = iter(range(count))
        await asyncio.gather(*(client(left) for _ in range(32)))

    await clients(100)  # connections to backend and database are made once
    before = await _owned(gates)
    await clients(count)
    await gates.resolved(2)
    await gates.proved()
    after = await _owned(gates)
    print(f"\n{gates.kind}: {dict(ends)}; before {before}, after {after}")
    assert after["queued"] == after["busy"] == 0
    assert after["in_flight"] == 1  # this question
    # Idle connections to the backend stay, at most one for each client.
    assert after["tasks"] <= before["tasks"] and after["files"] <= before["files"] + 32
    assert not {"402", "401", "429"} & set(ends)  # the account has money for all of them, as the audit says
    rows, seen = await gates.rows(), {found.headers["x-request-id"]: found for found in gates.backend.seen}
    for id in load.whole:
        assert rows[id]["state"] in ("SETTLED", "VOID") and rows[id]["output_tokens"] <= 64
        assert seen[id].state != "died", f"a false end: {rows[id]}"


async def _owned(gates: Cluster) -> dict[str, int]:
    """What the processes have when they have nothing to do: of each figure the most that one of them tells within 3 s,
    when connections that were closed are noticed."""
    await asyncio.sleep(3)
    found: dict[str, int] = {}
    for url in gates.urls() * 8:  # workers take turns at one address
        async with httpx.AsyncClient(headers={"x-admin-key": ADMIN_KEY}) as http:
            page = (await http.get(url + "/metrics")).text
        told = {
            family.name: family.samples[0].value for family in text_string_to_metric_families(page) if family.samples
        }
        for name, metric in OWNED.items():
            found[name] = max(found.get(name, 0), int(told[metric]))
    return found


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
