"""The slots that processes hold, in SQLite and in PostgreSQL."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from infra.backends.pace import Start
from infra.backends.pace_vaults import postgres_turns, sqlite_turns
from infra.backends.queue import step
from infra.backends.shares import Claim, Leave, Report, Share, granted, now
from infra.backends.trial import Trial, postgres_claim, sqlite_claim
from infra.ledger.connections import CountingSqlite, OwnPostgres
from infra.ledger.life import Life, life
from infra.ledger.vault import LEASE_SECONDS
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store

Operation = Report | Leave | Start | Trial
_OTHERS = (
    "SELECT s.instance, s.slots, s.waiting, s.rank, s.weight, s.passed, i.lease_until_us, i.place, i.pid, i.born"
    " FROM slot_shares s JOIN instances i ON i.id = s.instance WHERE s.backend = {0} AND s.instance <> {1}"
    " AND (i.lease_until_us > {2} OR (s.slots > 0 AND i.pid IS NOT NULL)) ORDER BY s.instance"
)
"""Those whose lease runs (docs/ledger.md, Leases and recovery), and those of which something may be proved."""
FOREIGN_US = 7 * 86_400 * SECOND_US
"""So long after its lease nobody counts what a process of another machine had."""
_SAVE = (
    "INSERT INTO slot_shares (backend, instance, slots, waiting, rank, weight, passed)"
    " VALUES ({0}, {1}, {2}, {3}, {4}, {5}, {6}) ON CONFLICT (backend, instance) DO UPDATE SET slots = excluded.slots,"
    " waiting = excluded.waiting, rank = excluded.rank, weight = excluded.weight, passed = excluded.passed"
)
_OTHERS_SQLITE, _SAVE_SQLITE = _OTHERS.format("?", "?", "?"), _SAVE.format(*"???????")
_OTHERS_POSTGRES, _SAVE_POSTGRES = _OTHERS.format("$1", "$2", "$3"), _SAVE.format(*(f"${at}" for at in range(1, 8)))


QUIET_US = LEASE_SECONDS * SECOND_US * 7 // 15
"""A process renews its lease three times in it: one that has not for so long comes for nothing that is left for it."""


def _claims(rows: Iterable[Sequence[Any]], now_us: int, since_us: int) -> Iterator[Claim]:
    """Of the processes that may be connected to the backend: a lease that runs does not help who is gone, and one that
    has run out does not take the slots of who stands still."""
    for instance, slots, waiting, rank, weight, passed, lease_until_us, *process in rows:
        found = life(*process)
        if found is Life.GONE:
            continue
        if lease_until_us > since_us:
            asks = lease_until_us > now_us + LEASE_SECONDS * SECOND_US - QUIET_US
            yield Claim(instance, slots, waiting if asks else 0, rank, weight, passed)
        elif found is Life.THERE:
            yield Claim(instance, slots, stands=process[1])


def _answer(
    report: Report, instance: str, rows: Iterable[Sequence[Any]], since_us: int
) -> tuple[Share, tuple[Any, ...]]:
    """The share, and the row to save."""
    others = tuple(_claims(rows, since_us + report.grace_us, since_us))
    passed = now(report.rank, others) if report.fresh else report.passed
    mine = Claim(instance, report.keep, report.waiting, report.rank, report.weight, passed)
    share = Share(granted(mine, report.total, others), others, passed)
    served = min(share.granted, report.waiting)
    row = (
        report.backend, instance, report.keep + share.granted, report.waiting - served, report.rank,
        report.weight, passed + served * step(report.weight),
    )  # fmt: skip
    return share, row


class SqliteShares(CountingSqlite):
    """See `infra.ledger.vault.Vault`."""

    def __init__(self, path: str, instance: str) -> None:
        super().__init__(path, "slots")
        self._instance = instance

    def _apply(self, connection: sqlite3.Connection, operations: Sequence[Operation]) -> list[Any]:
        turns = sqlite_turns(connection, operations)
        return [
            next(turns[each.backend]) if isinstance(each, Start) else self._one(connection, each) for each in operations
        ]

    def _one(self, connection: sqlite3.Connection, operation: Report | Leave | Trial) -> Share | bool | None:
        if isinstance(operation, Trial):
            return sqlite_claim(connection, self._instance, operation)
        if isinstance(operation, Leave):
            rows = [(backend, self._instance) for backend in operation.backends]
            connection.executemany("DELETE FROM slot_shares WHERE backend = ? AND instance = ?", rows)
            return None
        since = now_us() - operation.grace_us
        rows = connection.execute(_OTHERS_SQLITE, (operation.backend, self._instance, since)).fetchall()
        share, row = _answer(operation, self._instance, rows, since)
        connection.execute(_SAVE_SQLITE, row)
        return share


class PostgresShares(OwnPostgres):
    """See `infra.ledger.vault.Vault`. Advisory locks on the backends, taken in one order, serialise their division."""

    def __init__(self, store: Store, instance: str) -> None:
        super().__init__(store)
        self._instance = instance

    async def commit(self, operations: Sequence[Operation]) -> tuple[list[Any], dict[str, tuple[int, int]]]:
        """See `Vault.commit`; raises asyncpg.PostgresError, OSError."""
        reported = {operation.backend for operation in operations if isinstance(operation, Report)}
        locks = [f"slots of {backend}" for backend in reported]
        locks += [f"pace of {each.backend}" for each in operations if isinstance(each, Start)]
        async with self.transaction(durable=False, locks=locks) as connection:
            now = 0
            if reported:
                now = await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
            turns = await postgres_turns(connection, operations)
            results = [
                next(turns[each.backend]) if isinstance(each, Start) else await self._one(connection, each, now)
                for each in operations
            ]
        return results, {}

    async def _one(self, connection: Any, operation: Report | Leave | Trial, now: int) -> Share | bool | None:
        if isinstance(operation, Trial):
            return await postgres_claim(connection, self._instance, operation)
        if isinstance(operation, Leave):
            sql = "DELETE FROM slot_shares WHERE backend = ANY($1::text[]) AND instance = $2"
            await connection.execute(sql, list(operation.backends), self._instance)
            return None
        since = now - operation.grace_us
        rows = await connection.fetch(_OTHERS_POSTGRES, operation.backend, self._instance, since)
        share, row = _answer(operation, self._instance, rows, since)
        await connection.execute(_SAVE_POSTGRES, *row)
        return share


def share_vault(store: Store, instance: str) -> SqliteShares | PostgresShares:
    """The vault for this database; `instance` is the process whose slots end with it."""
    return SqliteShares(store.url.path, instance) if store.dialect == "sqlite" else PostgresShares(store, instance)


async def forget_the_dead(store: Store, *, all: bool = False) -> None:
    """Rows of processes whose lease has run out an hour ago; `all`: with a SQLite file's lock in hand nobody is alive.
    Who may still stand there keeps them."""
    if all:
        await store.rows("DELETE FROM slot_shares")
        return
    now = now_us()
    rows = await store.rows(
        "SELECT DISTINCT s.instance, COALESCE(i.lease_until_us, 0) AS until_us, i.place, i.pid, i.born"
        " FROM slot_shares s LEFT JOIN instances i ON i.id = s.instance WHERE COALESCE(i.lease_until_us, 0) <= ?",
        now - 3_600 * SECOND_US,
    )
    for row in rows:
        found = life(row["place"], row["pid"], row["born"])
        elsewhere = found is Life.UNKNOWN and row["pid"] is not None and row["until_us"] > now - FOREIGN_US
        if found is not Life.THERE and not elsewhere:
            await store.rows("DELETE FROM slot_shares WHERE instance = ?", row["instance"])
