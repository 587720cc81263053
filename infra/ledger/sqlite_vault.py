"""The money tables in SQLite: one connection in one thread, one hop to it per batch that waits for the disk.

A few holds wait for nothing: they are written at once, by whoever hands them over. The way to a thread and back takes
longer than they do. So is the bill of a lone request, where the disk is quick: nobody else is kept waiting by it.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from infra.ledger import batch, failpoint
from infra.ledger.books import OPEN, Account, AuditRow, Books, EntryRow, RequestRow, columns, values
from infra.ledger.connections import OwnSqlite, begin
from infra.ledger.operations import Hold, Operation, Renew, Result, Settle, Void
from infra.ledger.vault import LEASE_SECONDS
from infra.store.clock import SECOND_US, now_us

_ACCOUNT = columns(Account)
_REQUEST = columns(RequestRow)
_SELECT_ACCOUNTS = f"SELECT {', '.join(_ACCOUNT)} FROM users WHERE id"
_SELECT_REQUESTS = f"SELECT {', '.join(_REQUEST)} FROM requests WHERE id"
_SELECT_ENTRIES = f"SELECT {', '.join(columns(EntryRow))} FROM entries WHERE id"


ROWS_MAX = 64
"""Rows of one statement: every call of SQLite gives the other thread the interpreter and has to wait to get it back, so
that a batch is as few of them as can be."""


AT_ONCE_MAX = 16
"""Holds that are written without a thread, together."""
AT_ONCE_IN_A_ROW = 100
"""Batches without a thread, until one goes there after all, which also checkpoints the log that they fill."""
QUICK_SECONDS = 0.002
"""A disk is quick where the last commit that had to reach it took no longer."""
SLOW_SECONDS, SLOW_FOR_SECONDS = 0.05, 5.0
"""A disk that made the event loop wait for so long gets all batches in the thread, for a while."""


class _Manner(NamedTuple):
    """How a batch is written: SQLite's settings."""

    synchronous: str
    wal_autocheckpoint: int
    """Pages after which the commit also carries the log over, and waits for the disk."""

    @property
    def at_once(self) -> bool:
        """Neither for another connection that writes nor for a log that is carried over does this wait."""
        return self.wal_autocheckpoint == 0


_LOG_PAGES = 4000
"""SQLite's own 1000 carry a page over that is written anew at once: with 4000, requests at 32 connections take a
twelfth less of the CPU, and the log has 16 MB."""
_DURABLE, _LATER = _Manner("FULL", _LOG_PAGES), _Manner("NORMAL", _LOG_PAGES)
_DURABLE_AT_ONCE, _LATER_AT_ONCE = _Manner("FULL", 0), _Manner("NORMAL", 0)


def _rows(width: int, count: int) -> str:
    row = f"({', '.join('?' * width)})"
    return ", ".join([row] * count)


_TABLES = {"users": _ACCOUNT, "requests": _REQUEST, "entries": columns(EntryRow), "audit_events": columns(AuditRow)}


@cache
def _insert(table: str, count: int, more: str = "") -> str:
    names = _TABLES[table]
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {_rows(len(names), count)}{more}"


_FIXED = ("id", "instance", "user_id", "key_id", "endpoint", "model", "created_us")
"""Of a request, from its first row to its last. SQLite writes the entries of an index anew for each column that a
statement names, whether it changes or not."""
_AS_SAVED = " ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in _REQUEST if c not in _FIXED)


@cache
def _save_accounts(count: int) -> str:
    return (
        "UPDATE users SET balance = new.column2, held = new.column3, seq = new.column4"
        f" FROM (VALUES {_rows(4, count)}) AS new WHERE users.id = new.column1"
    )


def _portions(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, list[Any]]]:
    """The values of 64 rows, 32, 16 … at once, so that few different statements are prepared."""
    done = 0
    while done < len(rows):
        count = min(ROWS_MAX, 1 << ((len(rows) - done).bit_length() - 1))
        yield count, list(chain.from_iterable(rows[done : done + count]))
        done += count


_SAVE_LEASE = (
    "INSERT INTO instances (id, url, started_us, lease_until_us) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET url = excluded.url, lease_until_us = excluded.lease_until_us"
)


class SqliteVault(OwnSqlite):
    """See `Vault`. `synchronous` is FULL for a batch that must reach the disk, NORMAL for one of holds and progress."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "ledger")
        self._place = Path(path)
        self._manner: _Manner | None = None
        self._in_a_row = 0
        self._slow_until = 0.0
        """Monotonic seconds."""
        self._quick = False
        self._under_way: set[str] = set()
        """Requests of this process, by id."""
        self._file: tuple[int, int] | None = None

    def _connect(self) -> sqlite3.Connection:
        self._file, self._manner = self._on_disk(), None
        # The writer's batches come one after the other, so that no two threads are ever in it.
        connection = sqlite3.connect(
            self._path, timeout=0, isolation_level=None, cached_statements=512, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys=ON")
        # The upper levels of every index of a million requests. With SQLite's 2 MB a hold and its bill took three times
        # as long there as in an empty database; with 4, 8 and 16 MB the same as there.
        connection.execute("PRAGMA cache_size=-4096")
        return connection

    def _on_disk(self) -> tuple[int, int]:
        """Which file is at the path; one that was deleted takes every write and keeps none. Raises OperationalError."""
        try:
            found = self._place.stat()
        except OSError as error:
            raise sqlite3.OperationalError(f"the database file cannot be found: {error.strerror}") from None
        return found.st_dev, found.st_ino

    async def commit(self, operations: Sequence[Operation]) -> tuple[list[Result], dict[str, tuple[int, int]]]:
        """See `Vault.commit`; raises sqlite3.Error."""
        durable = batch.durable(operations)
        if self._in_a_row < AT_ONCE_IN_A_ROW and self._may_be_at_once(operations):
            written = self._at_once(operations, _DURABLE_AT_ONCE if durable else _LATER_AT_ONCE)
            if written is not None:
                return written
        self._in_a_row = 0
        manner = _DURABLE if durable else _LATER
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, operations, manner)

    def _at_once(
        self, operations: Sequence[Operation], manner: _Manner
    ) -> tuple[list[Result], dict[str, tuple[int, int]]] | None:
        """Without the thread; None while another connection writes: nothing is written, the thread waits for it."""
        self._in_a_row += 1
        began = time.monotonic()
        try:
            return self._commit(operations, manner)
        except _Busy:
            return None
        finally:
            if time.monotonic() - began > SLOW_SECONDS:
                self._slow_until = time.monotonic() + SLOW_FOR_SECONDS

    def _may_be_at_once(self, operations: Sequence[Operation]) -> bool:
        if time.monotonic() < self._slow_until:
            return False
        if len(operations) <= AT_ONCE_MAX and all(type(operation) is Hold for operation in operations):
            return True
        return self._quick and self._ends_the_only_one(operations)

    def _ends_the_only_one(self, operations: Sequence[Operation]) -> bool:
        """Whether no other request of this process is under way, which the disk would keep waiting."""
        match operations:
            case [Settle(final=row) | Void(final=row)]:
                return self._under_way <= {row.id}
        return False

    def _commit(
        self, operations: Sequence[Operation], manner: _Manner
    ) -> tuple[list[Result], dict[str, tuple[int, int]]]:
        connection = self._connected
        if self._on_disk() != self._file:
            raise sqlite3.OperationalError("another file is in the place of the database")
        self._set(connection, manner)
        _begin(connection, manner)
        try:
            books = _load(connection, batch.needs(operations))
            results = batch.decide(operations, books)
            _save(connection, books, batch.renewals(operations))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        failpoint.reach("before-commit")
        began = time.monotonic()
        connection.execute("COMMIT")
        if manner.synchronous == "FULL":
            self._quick = time.monotonic() - began <= QUICK_SECONDS
        failpoint.reach("after-commit")
        self._note(books)
        return results, {id: (books.accounts[id].balance, books.accounts[id].held) for id in books.touched_accounts}

    def _note(self, books: Books) -> None:
        for id in books.touched_requests:
            if books.requests[id].state in OPEN:
                self._under_way.add(id)
            else:
                self._under_way.discard(id)

    def _set(self, connection: sqlite3.Connection, manner: _Manner) -> None:
        if manner is self._manner:
            return
        before, self._manner = self._manner, None  # unknown, should one of them fail
        for number, (name, value) in enumerate(zip(_Manner._fields, manner, strict=True)):
            if before is None or before[number] != value:
                connection.execute(f"PRAGMA {name}={value}").close()
        self._manner = manner


class _Busy(Exception):
    """The transaction could not begin without waiting."""


def _begin(connection: sqlite3.Connection, manner: _Manner) -> None:
    if not manner.at_once:
        begin(connection)
        return
    try:
        begin(connection, patience=0)
    except sqlite3.OperationalError as error:
        raise _Busy from error


def _load(connection: sqlite3.Connection, needs: batch.Needs) -> Books:
    books = Books()
    for row in _in(connection, _SELECT_ACCOUNTS, needs.users):
        account = Account(*row)
        account.active = bool(account.active)
        books.accounts[account.id] = account
    for row in _in(connection, _SELECT_REQUESTS, needs.requests):
        request = RequestRow(*row)
        request.stream = bool(request.stream)
        books.requests[request.id] = request
    for row in _in(connection, _SELECT_ENTRIES, needs.entries):
        books.entries[row[0]] = EntryRow(*row)
    books.names = {row[0] for row in _in(connection, "SELECT name FROM users WHERE name", needs.names)}
    return books


def _in(connection: sqlite3.Connection, select: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
    if not ids:
        return []
    # The last one again and again, up to the next power of two: so that few different statements are prepared.
    padded = [*ids, *[ids[-1]] * ((1 << (len(ids) - 1).bit_length()) - len(ids))]
    return connection.execute(f"{select} IN ({', '.join('?' * len(padded))})", padded).fetchall()


def _save(connection: sqlite3.Connection, books: Books, renewals: Sequence[Renew]) -> None:
    _save_new(connection, "users", list(books.new_accounts.values()))
    changed = [books.accounts[id] for id in books.touched_accounts if id not in books.new_accounts]
    for count, found in _portions([(row.id, row.balance, row.held, row.seq) for row in changed]):
        connection.execute(_save_accounts(count), found)
    _save_new(connection, "requests", [books.requests[id] for id in books.touched_requests], _AS_SAVED)
    _save_new(connection, "entries", books.new_entries)
    _save_new(connection, "audit_events", books.audits)
    until_us = now_us() + LEASE_SECONDS * SECOND_US
    for lease in renewals:
        connection.execute(_SAVE_LEASE, (lease.instance, lease.url, lease.started_us, until_us))


def _save_new(connection: sqlite3.Connection, table: str, rows: Sequence[Any], more: str = "") -> None:
    if rows:
        for count, found in _portions([values(row) for row in rows]):
            connection.execute(_insert(table, count, more), found)
