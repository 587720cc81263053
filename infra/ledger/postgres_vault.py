"""The money tables in PostgreSQL: one connection, rows locked in id order, arrays unnested into bulk writes."""

from collections.abc import Iterable, Sequence
from typing import Any, get_type_hints

import asyncpg

from infra.ledger import batch, failpoint
from infra.ledger.books import Account, AuditRow, Books, EntryRow, RequestRow, columns, values
from infra.ledger.connections import OwnPostgres
from infra.ledger.operations import Operation, Renew, Result
from infra.ledger.vault import LEASE_SECONDS


def _arrays(row_type: type[Any], first: int = 1) -> str:
    """The parameters of an unnest over the columns of a row type: $1::text[], $2::bigint[] …"""
    hints = get_type_hints(row_type)
    kinds = [
        "boolean" if hints[name] is bool else "bigint" if "int" in str(hints[name]) else "text"
        for name in columns(row_type)
    ]
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, start=first))


def _insert(table: str, row_type: type[Any], first: int = 1) -> str:
    return f"INSERT INTO {table} ({', '.join(columns(row_type))}) SELECT * FROM unnest({_arrays(row_type, first)})"


_INSERT_ACCOUNTS = _insert("users", Account)
_INSERT_AUDITS = _insert("audit_events", AuditRow)
_SAVE_ACCOUNTS = (
    "UPDATE users SET balance = new.balance, held = new.held, seq = new.seq"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS new(id, balance, held, seq)"
    " WHERE users.id = new.id"
)
_SAVE_REQUESTS = (
    _insert("requests", RequestRow, 5)
    + " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in columns(RequestRow) if name != "id")
)
_SAVE = (
    f"WITH accounts AS ({_SAVE_ACCOUNTS}), requests AS ({_SAVE_REQUESTS} RETURNING xmax = 0 AS fresh),"
    f" entries AS ({_insert('entries', EntryRow, 5 + len(columns(RequestRow)))})"
    " SELECT count(*) FROM requests WHERE fresh"
)
"""What every batch writes, in one round trip; how many requests were not there before."""
_LOCK_ROWS = (
    f"SELECT (SELECT array_agg(row) FROM (SELECT ROW({', '.join(columns(Account))}) AS row FROM users"
    " WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE) AS accounts),"
    f" (SELECT array_agg(row) FROM (SELECT ROW({', '.join(columns(RequestRow))}) AS row FROM requests"
    " WHERE id = ANY($2::text[]) ORDER BY id FOR UPDATE) AS bills)"
)
_SAVE_LEASE = (
    "INSERT INTO instances (id, url, started_us, lease_until_us)"
    " VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $4)"
    " ON CONFLICT (id) DO UPDATE SET url = excluded.url, lease_until_us = excluded.lease_until_us"
)


class Overtaken(Exception):
    """A request that was not there is there now: the batch was decided on what is no longer so."""


class PostgresVault(OwnPostgres):
    """See `Vault`. Batches of holds and progress commit without waiting for the disk."""

    async def commit(self, operations: Sequence[Operation]) -> tuple[list[Result], dict[str, tuple[int, int]]]:
        """See `Vault.commit`; raises asyncpg.PostgresError, OSError, Overtaken."""
        async with self.transaction(durable=batch.durable(operations)) as connection:
            books = await _load(connection, batch.needs(operations))
            known = frozenset(books.requests)
            results = batch.decide(operations, books)
            await _save(connection, books, known, batch.renewals(operations))
            failpoint.reach("before-commit")
        failpoint.reach("after-commit")
        return results, {id: (books.accounts[id].balance, books.accounts[id].held) for id in books.touched_accounts}


async def _load(connection: "asyncpg.Connection", needs: batch.Needs) -> Books:
    books = Books()
    if needs.users or needs.requests:
        accounts, requests = await connection.fetchrow(_LOCK_ROWS, needs.users, needs.requests)
        books.accounts = {row[0]: Account(*row) for row in accounts or ()}
        books.requests = {row[0]: RequestRow(*row) for row in requests or ()}
    if needs.entries:
        sql = f"SELECT {', '.join(columns(EntryRow))} FROM entries WHERE id = ANY($1::text[])"
        for row in await connection.fetch(sql, needs.entries):
            books.entries[row["id"]] = EntryRow(*row)
    if needs.names:
        for row in await connection.fetch("SELECT name FROM users WHERE name = ANY($1::text[])", needs.names):
            books.names.add(row["name"])
    return books


async def _save(
    connection: "asyncpg.Connection", books: Books, known: frozenset[str], renewals: Sequence[Renew]
) -> None:
    await _many(connection, _INSERT_ACCOUNTS, books.new_accounts.values())
    changed = [books.accounts[id] for id in sorted(books.touched_accounts) if id not in books.new_accounts]
    requests = [books.requests[id] for id in sorted(books.touched_requests)]
    if changed or requests or books.new_entries:
        accounts = [(row.id, row.balance, row.held, row.seq) for row in changed]
        arrays = [*_arrays_of(accounts, 4), *_arrays_of(map(values, requests), len(columns(RequestRow)))]
        arrays += _arrays_of(map(values, books.new_entries), len(columns(EntryRow)))
        fresh = await connection.fetchval(_SAVE, *arrays)
        if fresh != len(books.touched_requests - known):
            # While we waited for an account another transaction wrote its request: the first try of ours whose
            # connection was lost. Our one reading began before that; the next one sees it.
            raise Overtaken("a request of this batch was written meanwhile")
    await _many(connection, _INSERT_AUDITS, books.audits)
    for lease in renewals:
        await connection.execute(_SAVE_LEASE, lease.instance, lease.url, lease.started_us, LEASE_SECONDS * 1_000_000)


def _arrays_of(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


async def _many(connection: "asyncpg.Connection", sql: str, rows: Iterable[Any]) -> None:
    found = [values(row) for row in rows]
    if found:
        await connection.execute(sql, *(list(column) for column in zip(*found, strict=True)))
