"""The windows that several processes share, in SQLite and in PostgreSQL."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from infra.ledger.connections import CountingSqlite, OwnPostgres
from infra.limits.shared import Amend, Counts, Leave, Take, Taken, decide
from infra.limits.windows import Full, Want
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store

Operation = Take | Amend | Leave
_WAIT = (
    "SELECT MIN(until_us) FROM (SELECT until_us, SUM(amount) OVER (ORDER BY at_us, id) AS run FROM window_entries"
    " WHERE name = {0} AND until_us > {1}) AS running WHERE run >= {2}"
)
"""When so much of a window has left that a refused question would pass."""


def _names(operations: Sequence[Operation]) -> tuple[list[str], list[str]]:
    """Windows and places of a batch, in the order in which they are locked."""
    takes = [operation for operation in operations if isinstance(operation, Take)]
    windows = {want.window for take in takes for want in take.wants}
    return sorted(windows), sorted({place.name for take in takes for place in take.places})


def _excess(full: Full, lacking: Want) -> int:
    return full.used + lacking.amount - lacking.rate.count


def _until(now: int, want: Want) -> int:
    return now + want.rate.seconds * SECOND_US


class SqliteWindows(CountingSqlite):
    """See `infra.ledger.vault.Vault`."""

    def __init__(self, path: str, instance: str) -> None:
        super().__init__(path, "windows")
        self._instance = instance

    def _apply(self, connection: sqlite3.Connection, operations: Sequence[Operation]) -> list[Any]:
        counts = self._count(connection, operations)
        return [self._one(connection, operation, counts) for operation in operations]

    def _count(self, connection: sqlite3.Connection, operations: Sequence[Operation]) -> Counts:
        windows, places = _names(operations)
        counts = Counts(now_us(), {}, {}, {})
        for name in windows:
            connection.execute("DELETE FROM window_entries WHERE name = ? AND until_us <= ?", (name, counts.now_us))
            sql = "SELECT COALESCE(SUM(amount), 0), COALESCE(MAX(until_us), 0) FROM window_entries WHERE name = ?"
            counts.used[name], counts.until_us[name] = connection.execute(sql, (name,)).fetchone()
        alive = "SELECT id FROM instances WHERE lease_until_us > ?"
        for name in places:
            sql = f"SELECT COUNT(*) FROM window_places WHERE name = ? AND instance IN ({alive})"
            counts.inside[name] = connection.execute(sql, (name, counts.now_us)).fetchone()[0]
        return counts

    def _one(self, connection: sqlite3.Connection, operation: Operation, counts: Counts) -> Any:
        match operation:
            case Amend(id=id, window=name, at_us=at, delta=delta):
                where = "WHERE name = ? AND at_us = ? AND id = ?"
                connection.execute(
                    f"UPDATE window_entries SET amount = MAX(0, amount + ?) {where}", (delta, name, at, id)
                )
            case Leave(id=id, names=names):
                rows = [(name, id) for name in names]
                connection.executemany("DELETE FROM window_places WHERE name = ? AND id = ?", rows)
            case Take():
                return self._take(connection, operation, counts)
        return None

    def _take(self, connection: sqlite3.Connection, take: Take, counts: Counts) -> Taken | Full:
        answer = decide(take, counts)
        if isinstance(answer, Full):
            if isinstance(answer.lacking, Want) and answer.wait_ns is not None:
                lacking, now = answer.lacking, counts.now_us
                sql = _WAIT.format("?", "?", "?")
                until = connection.execute(sql, (lacking.window, now, _excess(answer, lacking))).fetchone()[0]
                return replace(answer, wait_ns=max(0, (until or now) - now) * 1_000)
            return answer
        now = counts.now_us
        entries = [(want.window, take.id, now, _until(now, want), want.amount) for want in take.wants]
        connection.executemany("INSERT INTO window_entries VALUES (?, ?, ?, ?, ?)", entries)
        inside = [(place.name, take.id, self._instance) for place in take.places]
        connection.executemany("INSERT INTO window_places VALUES (?, ?, ?)", inside)
        return answer


class PostgresWindows(OwnPostgres):
    """See `infra.ledger.vault.Vault`. Advisory locks on the names, taken in one order, serialise who counts in them."""

    def __init__(self, store: Store, instance: str) -> None:
        super().__init__(store)
        self._instance = instance

    async def commit(self, operations: Sequence[Operation]) -> tuple[list[Any], dict[str, tuple[int, int]]]:
        """See `Vault.commit`; raises asyncpg.PostgresError, OSError."""
        if self._connection is None:
            raise ConnectionError("not connected")
        connection = self._connection
        async with connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            counts = await self._count(connection, operations)
            results = [await self._one(connection, operation, counts) for operation in operations]
        return results, {}

    async def _count(self, connection: Any, operations: Sequence[Operation]) -> Counts:
        windows, places = _names(operations)
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hash) FROM (SELECT DISTINCT hashtextextended(name, 7) AS hash"
            " FROM unnest($1::text[]) AS name ORDER BY 1) AS locks",
            windows + places,
        )
        now = await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        counts = Counts(now, {}, {}, {})
        if windows:
            sql = "DELETE FROM window_entries WHERE name = ANY($1::text[]) AND until_us <= $2"
            await connection.execute(sql, windows, now)
            sql = "SELECT name, SUM(amount)::bigint, MAX(until_us) FROM window_entries WHERE name = ANY($1::text[])"
            for name, used, until in await connection.fetch(sql + " GROUP BY name", windows):
                counts.used[name], counts.until_us[name] = used, until
        if places:
            sql = "SELECT p.name, COUNT(*) FROM window_places p JOIN instances i ON i.id = p.instance"
            sql += " WHERE p.name = ANY($1::text[]) AND i.lease_until_us > $2 GROUP BY p.name"
            counts.inside |= {row[0]: row[1] for row in await connection.fetch(sql, places, now)}
        return counts

    async def _one(self, connection: Any, operation: Operation, counts: Counts) -> Any:
        match operation:
            case Amend(id=id, window=name, at_us=at, delta=delta):
                sql = "UPDATE window_entries SET amount = GREATEST(0, amount + $1)"
                await connection.execute(sql + " WHERE name = $2 AND at_us = $3 AND id = $4", delta, name, at, id)
            case Leave(id=id, names=names):
                sql = "DELETE FROM window_places WHERE name = ANY($1::text[]) AND id = $2"
                await connection.execute(sql, list(names), id)
            case Take():
                return await self._take(connection, operation, counts)
        return None

    async def _take(self, connection: Any, take: Take, counts: Counts) -> Taken | Full:
        answer, now = decide(take, counts), counts.now_us
        if isinstance(answer, Full):
            if isinstance(answer.lacking, Want) and answer.wait_ns is not None:
                sql = _WAIT.format("$1", "$2", "$3")
                until = await connection.fetchval(sql, answer.lacking.window, now, _excess(answer, answer.lacking))
                return replace(answer, wait_ns=max(0, (until or now) - now) * 1_000)
            return answer
        if take.wants:
            entries = [(want.window, take.id, now, _until(now, want), want.amount) for want in take.wants]
            await connection.executemany("INSERT INTO window_entries VALUES ($1, $2, $3, $4, $5)", entries)
        if take.places:
            inside = [(place.name, take.id, self._instance) for place in take.places]
            await connection.executemany("INSERT INTO window_places VALUES ($1, $2, $3)", inside)
        return answer


def windows_vault(store: Store, instance: str) -> SqliteWindows | PostgresWindows:
    """The vault for this database; `instance` is the process whose places die with it."""
    return SqliteWindows(store.url.path, instance) if store.dialect == "sqlite" else PostgresWindows(store, instance)


async def prune(store: Store) -> None:
    """Forgets what has left its window, of names that nobody counts in any more, and the places of dead processes."""
    alive = "SELECT id FROM instances WHERE lease_until_us > ?"
    await store.rows("DELETE FROM window_entries WHERE until_us <= ?", now_us() - 60 * SECOND_US)
    await store.rows(f"DELETE FROM window_places WHERE instance NOT IN ({alive})", now_us() - 60 * SECOND_US)
