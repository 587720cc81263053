"""The money tables in PostgreSQL, on one connection: a batch is one statement where this process alone writes its rows,
else rows locked in id order, read, decided and written."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement

from infra.ledger import batch, failpoint
from infra.ledger import postgres_sql as sql
from infra.ledger.awake import Awake
from infra.ledger.books import Account, Books, EntryRow, RequestRow, values
from infra.ledger.connections import OwnPostgres
from infra.ledger.operations import Operation, Refused, Renew, Result
from infra.ledger.remembered import Remembered
from infra.ledger.vault import LEASE_SECONDS

SHARED_SECONDS = 10.0
"""After another process has written an account of ours, batches ask before they decide, for so long: a guess that was
wrong costs a round trip."""
Answer = tuple[list[Result], dict[str, tuple[int, int]]]


class Overtaken(Exception):
    """A request that was not there is there now: the batch was decided on what is no longer so."""


class PostgresVault(OwnPostgres):
    """See `Vault`. Batches of holds and progress commit without waiting for the disk."""

    async def open(self) -> None:
        """Connects; again after a failure, which knows nothing of before."""
        await super().open()
        self._remembered = Remembered()
        self._shared_until = 0.0
        self._awake = Awake()
        self._prepared: dict[str, PreparedStatement[Any]] = {}
        """By its text: asyncpg's own way to what it has prepared takes longer than what it does with it."""

    async def commit(self, operations: Sequence[Operation]) -> Answer:
        """See `Vault.commit`; raises asyncpg.PostgresError, OSError, Overtaken."""
        needs = batch.needs(operations)
        books = self._remembered.books(needs, batch.begun(operations)) if self._may_guess(operations) else None
        if books is not None:
            known = frozenset(books.requests)
            results = batch.decide(operations, books)
            if _proved(needs, books, results):
                if await self._at_once(books, known, batch.durable(operations)):
                    return self._kept(results, books)
                self._remembered.forget(needs)
                self._shared_until = time.monotonic() + SHARED_SECONDS
        return await self._in_turn(operations, needs)

    def _may_guess(self, operations: Sequence[Operation]) -> bool:
        return self.keeps_statements and time.monotonic() >= self._shared_until and not batch.renewals(operations)

    def _kept(self, results: list[Result], books: Books) -> Answer:
        self._remembered.keep(books)
        return results, {id: (books.accounts[id].balance, books.accounts[id].held) for id in books.touched_accounts}

    async def _at_once(self, books: Books, known: frozenset[str], durable: bool) -> bool:
        """Decided on what was remembered. False: that was wrong, nothing is written."""
        accounts = [self._moved(books.accounts[id]) for id in sorted(books.touched_accounts)]
        requests = [books.requests[id] for id in sorted(books.touched_requests)]
        fresh = [row for row in requests if row.id not in known]
        open = [row for row in requests if row.id in known]
        parts: list[list[Any]] = [accounts, fresh, open, books.new_entries]
        single = all(len(part) <= 1 for part in parts)
        statement = sql.at_once(*map(bool, parts), durable=durable, single=single)
        given = [_json(part) for part in parts if part] if not single else [v for part in parts for v in _row(part)]
        failpoint.reach("before-commit")
        ready = await self._ready(statement)
        # Others keep the loop awake anyway, and must not pay for it.
        lone = len(requests) == 1 and self._remembered.open == len(known)
        try:
            with self._awake.waiting() if lone else nullcontext():
                so: bool = await ready.fetchval(*given)
        except asyncpg.UniqueViolationError:
            return False  # a request that begins with this batch is there: its first try was written after all
        failpoint.reach("after-commit")
        return so

    async def _ready(self, statement: str) -> "PreparedStatement[Any]":
        found = self._prepared.get(statement)
        if found is None:
            found = self._prepared[statement] = await self.connected.prepare(statement)
        return found

    def _moved(self, account: Account) -> sql.Moved:
        was = self._remembered.was(account.id)
        return sql.Moved(
            account.id, account.balance, account.held, account.seq, was.balance, was.held, was.seq, was.active
        )

    async def _in_turn(self, operations: Sequence[Operation], needs: batch.Needs) -> Answer:
        async with self.transaction(durable=batch.durable(operations)) as connection:
            books = await _load(connection, needs)
            known = frozenset(books.requests)
            results = batch.decide(operations, books)
            await _save(connection, books, known, batch.renewals(operations))
            failpoint.reach("before-commit")
        failpoint.reach("after-commit")
        return self._kept(results, books)


def _proved(needs: batch.Needs, books: Books, results: Sequence[Result]) -> bool:
    """Whether writing the batch shows that all of it was decided on what is so: a no, and what is only read, does not
    write."""
    return (
        books.touched_accounts.issuperset(needs.users)
        and books.touched_requests.issuperset(needs.requests)
        and not any(isinstance(result, Refused) for result in results)
    )


async def _load(connection: "asyncpg.Connection", needs: batch.Needs) -> Books:
    books = Books()
    if needs.users or needs.requests:
        accounts, requests = await connection.fetchrow(sql.LOCK_ROWS, needs.users, needs.requests)
        books.accounts = {row[0]: Account(*row) for row in accounts or ()}
        books.requests = {row[0]: RequestRow(*row) for row in requests or ()}
    if needs.entries:
        for row in await connection.fetch(sql.SELECT_ENTRIES, needs.entries):
            books.entries[row["id"]] = EntryRow(*row)
    if needs.names:
        for row in await connection.fetch("SELECT name FROM users WHERE name = ANY($1::text[])", needs.names):
            books.names.add(row["name"])
    return books


async def _save(
    connection: "asyncpg.Connection", books: Books, known: frozenset[str], renewals: Sequence[Renew]
) -> None:
    if books.new_accounts:
        await connection.execute(sql.INSERT_ACCOUNTS, _json(list(books.new_accounts.values())))
    changed = [books.accounts[id] for id in sorted(books.touched_accounts) if id not in books.new_accounts]
    requests = [books.requests[id] for id in sorted(books.touched_requests)]
    if changed or requests or books.new_entries:
        fresh = await connection.fetchval(sql.SAVE, _json(changed), _json(requests), _json(books.new_entries))
        if fresh != len(books.touched_requests - known):
            # While we waited for an account another transaction wrote its request: the first try of ours whose
            # connection was lost. Our one reading began before that; the next one sees it.
            raise Overtaken("a request of this batch was written meanwhile")
    if books.audits:
        await connection.execute(sql.INSERT_AUDITS, _json(books.audits))
    for lease in renewals:
        await connection.execute(sql.SAVE_LEASE, lease.instance, lease.url, lease.started_us, LEASE_SECONDS * 1_000_000)


def _row(part: Sequence[Any]) -> Sequence[Any]:
    return values(part[0]) if part else ()


def _json(rows: Sequence[Any]) -> str:
    return msgspec.json.encode(rows).decode()
