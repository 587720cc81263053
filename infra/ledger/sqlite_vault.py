"""The money tables in SQLite: one connection in one thread, one hop to it per batch."""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra.ledger import batch, failpoint
from infra.ledger.books import Account, AuditRow, Books, EntryRow, RequestRow, columns, values
from infra.ledger.operations import Operation, Renew, Result
from infra.ledger.vault import LEASE_SECONDS
from infra.store.clock import SECOND_US, now_us

_ACCOUNT = columns(Account)
_REQUEST = columns(RequestRow)


def _insert(table: str, row_type: type[Any]) -> str:
    names = columns(row_type)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


_SAVE_REQUEST = (
    _insert("requests", RequestRow)
    + " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _REQUEST if name != "id")
)
_SAVE_ACCOUNT = "UPDATE users SET balance = ?, held = ?, seq = ? WHERE id = ?"
_SAVE_LEASE = (
    "INSERT INTO instances (id, url, started_us, lease_until_us) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET url = excluded.url, lease_until_us = excluded.lease_until_us"
)


class SqliteVault:
    """See `Vault`. `synchronous` is FULL for a batch that must reach the disk, NORMAL for one of holds and progress."""

    impossible = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, OverflowError, TypeError)

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._connection: sqlite3.Connection | None = None
        self._durable: bool | None = None

    async def open(self) -> None:
        """Connects; again after a failure."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    def _open(self) -> None:
        self._close()
        self._connection = sqlite3.connect(self._path, timeout=1.0, isolation_level=None, cached_statements=512)
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._durable = None

    async def close(self) -> None:
        """Disconnects and ends the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def commit(self, operations: Sequence[Operation]) -> tuple[list[Result], dict[str, tuple[int, int]]]:
        """See `Vault.commit`; raises sqlite3.Error."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, operations)

    def _commit(self, operations: Sequence[Operation]) -> tuple[list[Result], dict[str, tuple[int, int]]]:
        connection = self._connection
        if connection is None:
            raise sqlite3.OperationalError("not connected")
        self._set_durable(connection, batch.durable(operations))
        connection.execute("BEGIN IMMEDIATE")
        try:
            books = _load(connection, batch.needs(operations))
            results = batch.decide(operations, books)
            _save(connection, books, batch.renewals(operations))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        failpoint.reach("before-commit")
        connection.execute("COMMIT")
        failpoint.reach("after-commit")
        return results, {id: (books.accounts[id].balance, books.accounts[id].held) for id in books.touched_accounts}

    def _set_durable(self, connection: sqlite3.Connection, durable: bool) -> None:
        if durable is not self._durable:
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable


def _load(connection: sqlite3.Connection, needs: batch.Needs) -> Books:
    books = Books()
    for row in _in(connection, f"SELECT {', '.join(_ACCOUNT)} FROM users WHERE id", needs.users):
        account = Account(*row)
        account.active = bool(account.active)
        books.accounts[account.id] = account
    for row in _in(connection, f"SELECT {', '.join(_REQUEST)} FROM requests WHERE id", needs.requests):
        request = RequestRow(*row)
        request.stream = bool(request.stream)
        books.requests[request.id] = request
    for row in _in(connection, f"SELECT {', '.join(columns(EntryRow))} FROM entries WHERE id", needs.entries):
        books.entries[row[0]] = EntryRow(*row)
    books.names = {row[0] for row in _in(connection, "SELECT name FROM users WHERE name", needs.names)}
    return books


def _in(connection: sqlite3.Connection, select: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
    if not ids:
        return []
    return connection.execute(f"{select} IN ({', '.join('?' * len(ids))})", ids).fetchall()


def _save(connection: sqlite3.Connection, books: Books, renewals: Sequence[Renew]) -> None:
    if books.new_accounts:
        connection.executemany(_insert("users", Account), [values(row) for row in books.new_accounts.values()])
    changed = [books.accounts[id] for id in books.touched_accounts if id not in books.new_accounts]
    if changed:
        connection.executemany(_SAVE_ACCOUNT, [(row.balance, row.held, row.seq, row.id) for row in changed])
    if books.touched_requests:
        connection.executemany(_SAVE_REQUEST, [values(books.requests[id]) for id in books.touched_requests])
    if books.new_entries:
        connection.executemany(_insert("entries", EntryRow), [values(row) for row in books.new_entries])
    if books.audits:
        connection.executemany(_insert("audit_events", AuditRow), [values(row) for row in books.audits])
    until_us = now_us() + LEASE_SECONDS * SECOND_US
    for lease in renewals:
        connection.execute(_SAVE_LEASE, (lease.instance, lease.url, lease.started_us, until_us))
