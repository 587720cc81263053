"""Where a batch is written on SQLite: at once where it waits for nothing, else in the vault's thread."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.config.urls import database_url
from infra.ledger import sqlite_vault
from infra.ledger.books import RequestRow
from infra.ledger.ledger import Ledger
from infra.ledger.operations import Held
from infra.store.clock import now_us
from infra.store.database import Store


class Watched:
    """A ledger on a file, and how each of its batches was written."""

    def __init__(self, ledger: Ledger, path: Path, user_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger, self.path, self.user_id = ledger, path, user_id
        self.ways: list[tuple[str, bool]] = []
        """`synchronous`, and whether it was the event loop's thread."""
        commit = sqlite_vault.SqliteVault._commit

        def watched(vault: Any, operations: Any, manner: Any) -> Any:
            self.ways.append((manner.synchronous, threading.current_thread() is threading.main_thread()))
            return commit(vault, operations, manner)

        monkeypatch.setattr(sqlite_vault.SqliteVault, "_commit", watched)

    def row(self, number: int) -> RequestRow:
        return RequestRow(f"req_{number:05}", "HELD", "inst_1", self.user_id, "key_1", "chat", "m", now_us())

    async def hold(self, number: int) -> Held:
        return await self.ledger.hold(self.row(number), 1_000, 1_000)


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    path = tmp_path / "aethergate.db"
    store = Store(database_url(f"sqlite:///{path}"))
    await store.open()
    ledger = Ledger(store, "inst_1")
    await ledger.start()
    user = await ledger.open_user("ada", 10**9, actor="t", address="t")
    yield Watched(ledger, path, user.id, monkeypatch)
    await ledger.stop()
    await store.close()


@pytest.fixture
def any_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may be too slow for what is looked at; goes before `watched`, whose account is written, too."""
    monkeypatch.setattr(sqlite_vault, "SLOW_SECONDS", 60.0)
    monkeypatch.setattr(sqlite_vault, "QUICK_SECONDS", 60.0)


async def test_a_hold_is_written_at_once_and_the_bill_of_one_of_many_in_the_thread_that_waits_for_the_disk(
    any_disk: None, watched: Watched
) -> None:
    for number in range(3):
        await watched.hold(number)
    for number in range(2):
        await watched.ledger.settle(watched.row(number), 400)
    assert watched.ways == [("NORMAL", True)] * 3 + [("FULL", False)] * 2
    assert (await watched.ledger.money(watched.user_id, fresh=True)).balance == 10**9 - 800


async def test_the_bill_of_a_lone_request_is_written_at_once_and_durably(any_disk: None, watched: Watched) -> None:
    for number in range(3):
        await watched.hold(number)
        await watched.ledger.settle(watched.row(number), 400)
    await watched.hold(3)
    await watched.ledger.void(watched.row(3))
    assert watched.ways == [("NORMAL", True), ("FULL", True)] * 3 + [("NORMAL", True)] * 2
    assert (await watched.ledger.money(watched.user_id, fresh=True)).balance == 10**9 - 1_200
    assert (await watched.ledger.money(watched.user_id, fresh=True)).held == 0


async def test_a_request_that_ended_keeps_no_other_from_being_a_lone_one(any_disk: None, watched: Watched) -> None:
    for number in range(2):
        await watched.hold(number)
    await watched.ledger.settle(watched.row(0), 400)
    await watched.ledger.settle(watched.row(1), 400)
    assert watched.ways[-2:] == [("FULL", False), ("FULL", True)]


async def test_the_bill_of_a_lone_request_waits_in_the_thread_for_a_disk_that_takes_its_time(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_vault, "SLOW_SECONDS", 60.0)
    bills = 0

    async def bill() -> bool:
        """Whether it was written by the event loop."""
        nonlocal bills
        bills += 1
        await watched.hold(bills)
        await watched.ledger.settle(watched.row(bills), 400)
        return watched.ways[-1] == ("FULL", True)

    monkeypatch.setattr(sqlite_vault, "QUICK_SECONDS", -1.0)
    await bill()  # from here on the disk is known to be slow
    assert [await bill(), await bill()] == [False, False]
    monkeypatch.setattr(sqlite_vault, "QUICK_SECONDS", 60.0)
    assert [await bill(), await bill()] == [False, True]


async def test_the_bill_of_a_lone_request_behind_another_writer_waits_in_the_thread(
    any_disk: None, watched: Watched
) -> None:
    await watched.hold(1)
    other = sqlite3.connect(watched.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    settling = asyncio.ensure_future(watched.ledger.settle(watched.row(1), 400))
    await asyncio.sleep(0.1)
    assert not settling.done()
    other.execute("COMMIT")
    other.close()
    await settling
    assert watched.ways == [("NORMAL", True), ("FULL", True), ("FULL", False)]
    assert (await watched.ledger.money(watched.user_id, fresh=True)).balance == 10**9 - 400


async def test_a_hold_behind_another_writer_waits_in_the_thread_while_the_loop_goes_on(watched: Watched) -> None:
    other = sqlite3.connect(watched.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    holding = asyncio.ensure_future(watched.hold(1))
    began, turns = time.monotonic(), 0
    while time.monotonic() - began < 0.2:
        await asyncio.sleep(0.002)
        turns += 1
    assert turns > 10
    assert not holding.done()
    other.execute("COMMIT")
    other.close()
    assert (await holding).amount == 1_000
    assert watched.ways == [("NORMAL", True), ("NORMAL", False)]


@pytest.mark.parametrize("billed", [False, True])
async def test_what_is_written_at_once_does_not_let_the_log_grow_without_bound(
    any_disk: None, watched: Watched, billed: bool
) -> None:
    for number in range(3_000 // (1 + billed)):
        await watched.hold(number)
        if billed:
            await watched.ledger.settle(watched.row(number), 400)
    in_thread = [way for way in watched.ways if way[1] is False]
    assert len(in_thread) == 3_000 // (sqlite_vault.AT_ONCE_IN_A_ROW + 1)
    assert watched.path.with_name("aethergate.db-wal").stat().st_size < 2 * sqlite_vault._LOG_PAGES * 4_096


async def test_a_slow_disk_is_waited_for_in_the_thread(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_vault, "SLOW_SECONDS", 0.0)
    await watched.hold(1)
    await watched.hold(2)
    assert watched.ways == [("NORMAL", True), ("NORMAL", False)]
