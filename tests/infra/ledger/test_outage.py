"""A database that goes away: spending fails closed, bills wait on the disk, nothing is posted twice."""

import asyncio
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.config.urls import database_url
from infra.errors import BillingUnavailable
from infra.ledger import audit as audits
from infra.ledger.books import RequestRow
from infra.ledger.ledger import Ledger
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import Entry, User


class Outage:
    """Stands before a real vault: while `down`, nothing gets through; `lost_answers` commits are done but not told."""

    def __init__(self, vault: Any) -> None:
        self._vault = vault
        self.down = False
        self.lost_answers = 0
        self.impossible = vault.impossible

    async def open(self) -> None:
        if self.down:
            raise OSError("the database is away")
        await self._vault.open()

    async def close(self) -> None:
        await self._vault.close()

    async def commit(self, operations: Any) -> Any:
        if self.down:
            raise OSError("the database is away")
        answer = await self._vault.commit(operations)
        if self.lost_answers:
            self.lost_answers -= 1
            raise OSError("the connection broke between COMMIT and its answer")
        return answer


@pytest.fixture
async def store(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    found = Store(database_url(database))
    await found.open()
    yield found
    await found.close()


async def opened(store: Store, instance: str = "inst_1") -> tuple[Ledger, Outage]:
    ledger = Ledger(store, instance)
    outage = ledger.writer._vault = Outage(ledger.writer._vault)  # type: ignore[assignment]
    await ledger.start()
    return ledger, outage


def draft(user: User, number: int) -> RequestRow:
    return RequestRow(f"req_{number}", "HELD", "inst_1", user.id, "key", "chat", "m", now_us())


async def clean(store: Store) -> None:
    report = await audits.audit(store)
    assert report.clean, report.findings


async def test_a_hold_is_refused_within_its_time_and_leaves_nothing(store: Store) -> None:
    ledger, outage = await opened(store)
    user = await ledger.open_user("ada", 1_000, actor="t", address="t")
    outage.down = True
    began = time.monotonic()
    row = draft(user, 1)
    with pytest.raises(BillingUnavailable):
        await ledger.hold(row, 500, 500)
    assert time.monotonic() - began < 2.5
    ending = asyncio.ensure_future(ledger.void(row))
    outage.down = False
    await ending
    await ledger.stop()
    money = await ledger.money(user.id, fresh=True)
    assert (money.balance, money.held) == (1_000, 0)
    await clean(store)


async def test_bills_wait_on_the_disk_and_are_posted_once(store: Store, tmp_path: Path) -> None:
    ledger, outage = await opened(store)
    user = await ledger.open_user("ada", 10_000, actor="t", address="t")
    rows = [draft(user, number) for number in range(5)]
    for row in rows:
        await ledger.hold(row, 1_000, 1_000)
    outage.down = True
    assert await asyncio.gather(*(ledger.settle(row, 400) for row in rows)) == [None] * 5
    assert not ledger.writer.healthy
    spools = list(tmp_path.rglob("*.spool-inst_1"))
    assert len(spools) == 1 and spools[0].read_bytes().count(b"\n") == 5
    outage.down = False
    for _ in range(100):
        if ledger.writer.healthy and not spools[0].exists():
            break
        await asyncio.sleep(0.05)
    assert not spools[0].exists()
    assert await Entry.filter(kind="usage").count() == 5
    assert (await ledger.money(user.id, fresh=True)).balance == 8_000
    await ledger.stop()
    await clean(store)


async def test_the_next_process_posts_what_a_dead_one_left_before_it_recovers(store: Store, tmp_path: Path) -> None:
    ledger, outage = await opened(store)
    user = await ledger.open_user("ada", 10_000, actor="t", address="t")
    row = draft(user, 1)
    await ledger.hold(row, 1_000, 1_000)
    outage.down = True
    await ledger.settle(row, 700)
    ledger.writer._task.cancel()  # type: ignore[union-attr]  # the process dies here
    assert ledger.writer._spool is not None
    ledger.writer._spool.close()
    await outage.close()
    heir, _ = await opened(store, "inst_2")
    assert await heir.recover(all_others=True) == 0
    assert (await heir.money(user.id, fresh=True)).balance == 9_300
    assert not list(tmp_path.rglob("*.spool-*"))
    await heir.stop()
    await clean(store)


async def test_a_line_that_was_being_written_is_passed_over(store: Store, tmp_path: Path) -> None:
    ledger, outage = await opened(store)
    user = await ledger.open_user("ada", 10_000, actor="t", address="t")
    rows = [draft(user, number) for number in range(2)]
    for row in rows:
        await ledger.hold(row, 1_000, 1_000)
    outage.down = True
    await asyncio.gather(*(ledger.settle(row, 700) for row in rows))
    ledger.writer._task.cancel()  # type: ignore[union-attr]
    assert ledger.writer._spool is not None
    ledger.writer._spool.close()
    await outage.close()
    path = next(tmp_path.rglob("*.spool-inst_1"))
    path.write_bytes(path.read_bytes()[:-20])
    heir, _ = await opened(store, "inst_2")
    assert await heir.recover(all_others=True) == 1
    assert (await heir.money(user.id, fresh=True)).balance == 9_300
    await heir.stop()
    await clean(store)


async def test_an_answer_that_is_lost_after_the_commit_books_nothing_twice(store: Store) -> None:
    ledger, outage = await opened(store)
    user = await ledger.open_user("ada", 1_000_000, actor="t", address="t")
    for number in range(100):
        row = draft(user, number)
        outage.lost_answers = number % 2
        await ledger.hold(row, 1_000, 1_000)
        outage.lost_answers = (number + 1) % 2
        billed = await ledger.settle(row, 300)
        assert billed is None or billed.charged == 300
    await ledger.stop()
    assert (await ledger.money(user.id, fresh=True)).balance == 1_000_000 - 100 * 300
    assert await Entry.filter(kind="usage").count() == 100
    await clean(store)


async def test_a_locked_sqlite_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    store = Store(database_url(f"sqlite:///{path}"))
    await store.open()
    ledger = Ledger(store, "inst_1")
    await ledger.start()
    user = await ledger.open_user("ada", 10_000, actor="t", address="t")
    row = draft(user, 1)
    await ledger.hold(row, 1_000, 1_000)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    settling = asyncio.ensure_future(ledger.settle(row, 400))
    with pytest.raises(BillingUnavailable):
        await ledger.hold(draft(user, 2), 100, 100)
    assert await settling is None
    other.execute("ROLLBACK")
    other.close()
    await ledger.void(draft(user, 2))
    await ledger.stop()
    assert (await ledger.money(user.id, fresh=True)).balance == 9_600
    await clean(store)
    await store.close()


async def test_a_full_disk_refuses_new_spending_and_loses_no_bill(tmp_path: Path) -> None:
    path = tmp_path / "full.db"
    store = Store(database_url(f"sqlite:///{path}"))
    await store.open()
    ledger = Ledger(store, "inst_1")
    await ledger.start()
    user = await ledger.open_user("ada", 10**9, actor="t", address="t")
    rows = [draft(user, number) for number in range(200)]
    for row in rows[:100]:
        await ledger.hold(row, 1_000, 1_000)
    vault: Any = ledger.writer._vault
    opened_before = vault._open

    def open_small() -> None:
        opened_before()
        vault._connection.execute("PRAGMA max_page_count=1")  # SQLite takes the present size: not a page more

    vault._open = open_small
    await asyncio.get_running_loop().run_in_executor(vault._thread, open_small)
    refused = 0
    for row in rows[100:]:
        try:
            await ledger.hold(replace(row, error="x" * 5_000), 1_000, 1_000)
        except BillingUnavailable:
            refused += 1
            break
    assert refused == 1
    assert await ledger.settle(replace(rows[0], error="x" * 50_000), 400) is None
    assert list(tmp_path.glob("*.spool-inst_1"))
    vault._open = opened_before
    for _ in range(100):
        if ledger.writer.healthy and not list(tmp_path.glob("*.spool-*")):
            break
        await asyncio.sleep(0.05)
    for row in rows[1:]:
        await ledger.void(row)
    await ledger.stop()
    assert (await ledger.money(user.id, fresh=True)).balance == 10**9 - 400
    await clean(store)
    await store.close()


async def test_a_database_file_that_is_moved_away_takes_no_money_that_it_would_not_keep(tmp_path: Path) -> None:
    path = tmp_path / "aethergate.db"
    store = Store(database_url(f"sqlite:///{path}"))
    await store.open()
    ledger, _ = await opened(store)
    user = await ledger.open_user("ada", 10_000, actor="t", address="t")
    row = draft(user, 1)
    await ledger.hold(row, 1_000, 1_000)
    path.rename(tmp_path / "away")
    with pytest.raises(BillingUnavailable):
        await ledger.hold(draft(user, 2), 1_000, 1_000)
    assert not ledger.writer.healthy
    await ledger.settle(row, 700)
    assert not path.exists() and list(tmp_path.glob("*.spool-*"))
    (tmp_path / "away").rename(path)
    for _ in range(100):
        if ledger.writer.healthy and not list(tmp_path.glob("*.spool-*")):
            break
        await asyncio.sleep(0.05)
    assert (await ledger.money(user.id, fresh=True)).balance == 9_300
    await ledger.void(draft(user, 2))
    await ledger.stop()
    await clean(store)
    await store.close()
