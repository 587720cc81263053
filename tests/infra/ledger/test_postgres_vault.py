"""What only PostgreSQL can do to the ledger: another transaction commits while ours waits for its rows."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from infra.config.urls import database_url
from infra.ledger import audit as audits
from infra.ledger.books import RequestRow
from infra.ledger.ledger import Ledger
from infra.ledger.operations import Hold
from infra.ledger.postgres_vault import PostgresVault
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import User


class SlowCommit:
    """A connection whose COMMIT is under way until it is `let`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.reached, self.let = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, sql: str) -> Any:
        if sql == "COMMIT":
            self.reached.set()
            await self.let.wait()
        return await self._connection.execute(sql)


Opened = tuple[Store, Ledger, User]


@pytest.fixture
async def opened(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A ledger on an empty database, and a user with 10,000 nano-units; the test stops and closes them."""
    monkeypatch.chdir(tmp_path)
    store = Store(database_url(postgres_url))
    await store.open()
    ledger = Ledger(store, "inst_1")
    await ledger.start()
    await ledger.renew(None)
    return store, ledger, await ledger.open_user("ada", 10_000, actor="t", address="t")


async def test_a_hold_that_is_replayed_while_its_first_commit_is_still_under_way_is_taken_once(
    opened: Opened,
) -> None:
    """Its connection was lost in COMMIT, but the server goes on with it: the second try waits for the account, and its
    reading began before the first one was there to be seen."""
    store, ledger, user = opened
    row = RequestRow("req_1", "HELD", "inst_1", user.id, "key", "chat", "m", now_us())
    first = PostgresVault(store)
    await first.open()
    slow = first._connection = SlowCommit(first._connection)
    under_way = asyncio.create_task(first.commit([Hold(row, 500, 500, now_us())]))
    await slow.reached.wait()
    again = asyncio.create_task(ledger.hold(row, 500, 500))
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(1):
        while not await store.rows(waiting):
            await asyncio.sleep(0.02)
    slow.let.set()
    await under_way
    assert (await again).amount == 500
    money = await ledger.money(user.id, fresh=True)
    assert (money.balance, money.held) == (10_000, 500)
    report = await audits.audit(store)
    assert report.clean, report.findings
    await ledger.settle(row.changed(state="SETTLED", basis="measured"), 300)
    money = await ledger.money(user.id, fresh=True)
    assert (money.balance, money.held) == (9_700, 0)
    await ledger.stop()
    await first.close()
    await store.close()


async def test_a_database_that_began_empty_reads_no_more_for_each_request_as_it_fills(
    opened: Opened,
) -> None:
    """A plan that was made while the table was empty stays until the table is analyzed."""
    store, ledger, user = opened
    for number in range(200):
        row = RequestRow(f"req_{number}", "HELD", "inst_1", user.id, "key", "chat", "m", now_us())
        await ledger.hold(row, 5, 5)
        await ledger.settle(row.changed(state="SETTLED", basis="measured"), 5)
    await ledger.stop()
    (read,) = await store.rows("SELECT seq_tup_read, idx_scan FROM pg_stat_user_tables WHERE relname = 'requests'")
    assert read["idx_scan"] >= 200
    assert read["seq_tup_read"] < 200
    await store.close()
