"""The money tables in PostgreSQL: one connection, rows locked in id order, arrays unnested into bulk writes."""

from collections.abc import Iterable, Sequence
from typing import Any, get_type_hints

import asyncpg

from infra.ledger import batch, failpoint
from infra.ledger.books import Account, AuditRow, Books, EntryRow, RequestRow, columns, values
from infra.ledger.connections import OwnPostgres
from infra.ledger.operations import Operation, Renew, Result
from infra.ledger.vault import LEASE_SECONDS


def _arrays(row_type: type[Any]) -> str:
    """The parameters of an unnest over the columns of a row type: $1::text[], $2::bigint[] …"""
    hints = get_type_hints(row_type)
    kinds = [
        "boolean" if hints[name] is bool else "bigint" if "int" in str(hints[name]) else "text"
        for name in columns(row_type)
    ]
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, start=1))


def _insert(table: str, row_type: type[Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns(row_type))}) SELECT * FROM unnest({_arrays(row_type)})"


_INSERT_ACCOUNTS = _insert("users", Account)
_INSERT_ENTRIES = _insert("entries", EntryRow)
_INSERT_AUDITS = _insert("audit_events", AuditRow)
_SAVE_REQUESTS = (
    _insert("requests", RequestRow)
    + " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in columns(RequestRow) if name != "id")
)
_SAVE_ACCOUNTS = (
    "UPDATE users SET balance = new.balance, held = new.held, seq = new.seq"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS new(id, balance, held, seq)"
    " WHERE users.id = new.id"
)
_SAVE_LEASE = (
    "INSERT INTO instances (id, url, started_us, lease_until_us)"
    " VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $4)"
    " ON CONFLICT (id) DO UPDATE SET url = excluded.url, lease_until_us = excluded.lease_until_us"
)


class PostgresVault(OwnPostgres):
    """See `Vault`. Batches of holds and progress commit without waiting for the disk."""

    async def commit(self, operations: Sequence[Operation]) -> tuple[list[Result], dict[str, tuple[int, int]]]:
        """See `Vault.commit`; raises asyncpg.PostgresError, OSError."""
        if self._connection is None:
            raise ConnectionError("not connected")
        async with self._connection.transaction():
            if not batch.durable(operations):
                await self._connection.execute("SET LOCAL synchronous_commit = off")
            books = await _load(self._connection, batch.needs(operations))
            results = batch.decide(operations, books)
            await _save(self._connection, books, batch.renewals(operations))
            failpoint.reach("before-commit")
        failpoint.reach("after-commit")
        return results, {id: (books.accounts[id].balance, books.accounts[id].held) for id in books.touched_accounts}


async def _load(connection: "asyncpg.Connection", needs: batch.Needs) -> Books:
    books = Books()
    if needs.users:
        for row in await connection.fetch(
            f"SELECT {', '.join(columns(Account))} FROM users WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE",
            needs.users,
        ):
            books.accounts[row["id"]] = Account(*row)
    if needs.requests:
        for row in await connection.fetch(
            f"SELECT {', '.join(columns(RequestRow))} FROM requests WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE",
            needs.requests,
        ):
            books.requests[row["id"]] = RequestRow(*row)
    if needs.entries:
        for row in await connection.fetch(
            f"SELECT {', '.join(columns(EntryRow))} FROM entries WHERE id = ANY($1::text[])", needs.entries
        ):
            books.entries[row["id"]] = EntryRow(*row)
    if needs.names:
        for row in await connection.fetch("SELECT name FROM users WHERE name = ANY($1::text[])", needs.names):
            books.names.add(row["name"])
    return books


async def _save(connection: "asyncpg.Connection", books: Books, renewals: Sequence[Renew]) -> None:
    await _many(connection, _INSERT_ACCOUNTS, books.new_accounts.values())
    changed = [books.accounts[id] for id in sorted(books.touched_accounts) if id not in books.new_accounts]
    if changed:
        rows = [(row.id, row.balance, row.held, row.seq) for row in changed]
        await connection.execute(_SAVE_ACCOUNTS, *(list(column) for column in zip(*rows, strict=True)))
    await _many(connection, _SAVE_REQUESTS, [books.requests[id] for id in sorted(books.touched_requests)])
    await _many(connection, _INSERT_ENTRIES, books.new_entries)
    await _many(connection, _INSERT_AUDITS, books.audits)
    for lease in renewals:
        await connection.execute(_SAVE_LEASE, lease.instance, lease.url, lease.started_us, LEASE_SECONDS * 1_000_000)


async def _many(connection: "asyncpg.Connection", sql: str, rows: Iterable[Any]) -> None:
    found = [values(row) for row in rows]
    if found:
        await connection.execute(sql, *(list(column) for column in zip(*found, strict=True)))
