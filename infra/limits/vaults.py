"""The windows that several processes share, in SQLite and in PostgreSQL."""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from infra.ledger.connections import CountingSqlite, OwnPostgres
from infra.limits.ahead import LIFE_SECONDS, Row
from infra.limits.batch import Amend, Counts, Leave, Operation, Take, Taken, decide, lacking, names, waiting
from infra.limits.windows import Full, Want
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.store.ids import new

_WAIT = (
    "SELECT MIN(until_us) FROM (SELECT until_us, SUM(amount) OVER (ORDER BY at_us, id) AS run FROM window_entries"
    " WHERE name = {0} AND until_us > {1}) AS running WHERE run >= {2}"
)
"""When so much of a window has left that a refused question would pass."""
_AS_IT_IS = "ON CONFLICT (name, instance) DO UPDATE SET places = excluded.places"


class Held:
    """How many places this process has, by name. It writes them as they are, so that a commit of which nobody knows
    whether it was done harms nothing."""

    def __init__(self) -> None:
        self._places: Counter[str] = Counter()
        self._unsure = True

    def reconnected(self) -> None:
        """Everything is written anew with the next batch."""
        self._unsure = True

    def __getitem__(self, name: str) -> int:
        return self._places[name]

    def left(self, operations: Iterable[Operation]) -> Counter[str]:
        """What the batch gives back."""
        found: Counter[str] = Counter()
        for operation in operations:
            if isinstance(operation, Leave):
                found.update(operation.names)
        return found

    def changed(self, left: Counter[str], placed: Counter[str]) -> tuple[bool, dict[str, int]]:
        """Whether all rows of this process have to go first, and what is to be written."""
        after = {name: max(0, self._places[name] - left[name]) + placed[name] for name in {*left, *placed}}
        return self._unsure, {**(self._places if self._unsure else {}), **after}

    def committed(self, places: dict[str, int]) -> None:
        """They are written."""
        self._unsure = False
        for name, count in places.items():
            self._places[name] = count
            if not count:
                del self._places[name]


def _amended(operations: Iterable[Operation]) -> list[Row]:
    """The rows that say something else now; what changes while they are written is asked for again."""
    rows = {operation.row: None for operation in operations if isinstance(operation, Amend)}
    for row in rows:
        row.queued = False
    return list(rows)


def _answers(operations: Sequence[Operation], taken: Iterable[Taken | Full]) -> list[Any]:
    answers = iter(taken)
    return [next(answers) if isinstance(operation, Take) else None for operation in operations]


def _excess(full: Full, want: Want) -> int:
    return full.used + want.amount - want.rate.count


class SqliteWindows(CountingSqlite):
    """See `infra.ledger.vault.Vault`."""

    def __init__(self, path: str, instance: str) -> None:
        super().__init__(path, "windows")
        self._instance = instance
        self._held = Held()

    def _open(self) -> None:
        super()._open()
        self._held.reconnected()

    def _commit(self, operations: Sequence[Operation]) -> list[Any]:
        results = super()._commit(operations)
        self._held.committed(self._places)
        return results

    def _apply(self, connection: sqlite3.Connection, operations: Sequence[Operation]) -> list[Any]:
        left, takes = self._held.left(operations), [each for each in operations if isinstance(each, Take)]
        self._amend(connection, _amended(operations))
        counts = self._count(connection, takes, left)
        taken = decide(takes, counts)
        self._write(connection, counts, left)
        return _answers(operations, [self._with_wait(connection, answer, counts.now_us) for answer in taken])

    def _amend(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        values = [(row.amount, row.until_us, row.window, row.at_us, row.id) for row in rows]
        where = "WHERE name = ? AND at_us = ? AND id = ?"
        connection.executemany(f"UPDATE window_entries SET amount = ?, until_us = ? {where}", values)

    def _count(self, connection: sqlite3.Connection, takes: Sequence[Take], left: Counter[str]) -> Counts:
        opened, now = time.monotonic(), now_us()
        windows, places = names(takes)
        others = "SELECT id FROM instances WHERE lease_until_us > ? AND id <> ?"
        alone = connection.execute(f"{others} LIMIT 1", (now, self._instance)).fetchone() is None
        counts = Counts(now, opened, new("w"), opened + LIFE_SECONDS if alone else 0.0, {}, {}, {})
        for name in windows:
            connection.execute("DELETE FROM window_entries WHERE name = ? AND until_us <= ?", (name, now))
            sql = "SELECT COALESCE(SUM(amount), 0), COALESCE(MAX(until_us), 0) FROM window_entries WHERE name = ?"
            counts.used[name], counts.until_us[name] = connection.execute(sql, (name,)).fetchone()
        for name in places:
            sql = f"SELECT COALESCE(SUM(places), 0) FROM window_places WHERE name = ? AND instance IN ({others})"
            theirs = connection.execute(sql, (name, now, self._instance)).fetchone()[0]
            counts.inside[name] = theirs + max(0, self._held[name] - left[name])
        return counts

    def _write(self, connection: sqlite3.Connection, counts: Counts, left: Counter[str]) -> None:
        rows = [(row.window, row.id, row.at_us, row.until_us, row.amount) for row in counts.rows.values()]
        connection.executemany("INSERT INTO window_entries VALUES (?, ?, ?, ?, ?)", rows)
        anew, self._places = self._held.changed(left, counts.placed)
        if anew:
            connection.execute("DELETE FROM window_places WHERE instance = ?", (self._instance,))
        connection.executemany(
            f"INSERT INTO window_places VALUES (?, ?, ?) {_AS_IT_IS}",
            [(name, self._instance, count) for name, count in self._places.items()],
        )

    def _with_wait(self, connection: sqlite3.Connection, answer: Taken | Full, now: int) -> Taken | Full:
        want = lacking(answer)
        if want is None:
            return answer
        assert isinstance(answer, Full)
        values = (want.window, now, _excess(answer, want))
        return waiting(answer, now, connection.execute(_WAIT.format("?", "?", "?"), values).fetchone()[0])


_COUNT = (
    "WITH clock AS MATERIALIZED (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now)"
    " SELECT '' AS kind, '' AS name, now AS used,"
    " (SELECT COUNT(*) FROM instances WHERE id <> $3 AND lease_until_us > now) AS until_us FROM clock"
    " UNION ALL SELECT 'window', name, SUM(amount)::bigint, MAX(until_us) FROM window_entries, clock"
    " WHERE name = ANY($1::text[]) AND until_us > now GROUP BY name"
    " UNION ALL SELECT 'place', p.name, SUM(p.places)::bigint, 0"
    " FROM window_places p JOIN instances i ON i.id = p.instance, clock"
    " WHERE p.name = ANY($2::text[]) AND p.instance <> $3 AND i.lease_until_us > now GROUP BY p.name"
)
_WRITE = (
    "WITH gone AS (DELETE FROM window_entries WHERE name = ANY($1::text[]) AND until_us <= $2),"
    " placed AS (INSERT INTO window_places SELECT name, $3, places"
    f" FROM unnest($4::text[], $5::bigint[]) AS n(name, places) {_AS_IT_IS})"
    " INSERT INTO window_entries SELECT name, $6, $2, until_us, amount"
    " FROM unnest($7::text[], $8::bigint[], $9::bigint[]) AS n(name, until_us, amount)"
)
_AMEND = (
    "UPDATE window_entries AS e SET amount = n.amount, until_us = n.until_us"
    " FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])"
    " AS n(name, at_us, id, amount, until_us)"
    " WHERE e.name = n.name AND e.at_us = n.at_us AND e.id = n.id"
)


class PostgresWindows(OwnPostgres):
    """See `infra.ledger.vault.Vault`. Advisory locks on the names, taken in one order, serialise who counts in them."""

    def __init__(self, store: Store, instance: str) -> None:
        super().__init__(store)
        self._instance = instance
        self._held = Held()

    async def open(self) -> None:
        """Connects; again after a failure."""
        await super().open()
        self._held.reconnected()

    async def commit(self, operations: Sequence[Operation]) -> tuple[list[Any], dict[str, tuple[int, int]]]:
        """See `Vault.commit`; raises asyncpg.PostgresError, OSError."""
        left, takes = self._held.left(operations), [each for each in operations if isinstance(each, Take)]
        windows, within = names(takes)
        async with self.transaction(durable=False, locks=windows + within) as connection:
            amended = _amended(operations)
            if amended:
                values = [(row.window, row.at_us, row.id, row.amount, row.until_us) for row in amended]
                await connection.execute(_AMEND, *map(list, zip(*values, strict=True)))
            counts = await self._count(connection, windows, within, left)
            taken = decide(takes, counts)
            places = await self._write(connection, windows, counts, left)
            answers = [await self._with_wait(connection, answer, counts.now_us) for answer in taken]
        self._held.committed(places)
        return _answers(operations, answers), {}

    async def _count(self, connection: Any, windows: list[str], places: list[str], left: Counter[str]) -> Counts:
        opened = time.monotonic()
        counts = Counts(0, opened, new("w"), 0.0, {}, {}, {})
        if not windows and not places:
            return counts
        counts.inside = {name: max(0, self._held[name] - left[name]) for name in places}
        for kind, name, used, until_us in await connection.fetch(_COUNT, windows, places, self._instance):
            if kind == "window":
                counts.used[name], counts.until_us[name] = used, until_us
            elif kind == "place":
                counts.inside[name] += used
            else:
                counts.now_us, counts.alone_until = used, 0.0 if until_us else opened + LIFE_SECONDS
        return counts

    async def _write(self, connection: Any, windows: list[str], counts: Counts, left: Counter[str]) -> dict[str, int]:
        anew, places = self._held.changed(left, counts.placed)
        if anew:
            await connection.execute("DELETE FROM window_places WHERE instance = $1", self._instance)
        rows = list(counts.rows.values())
        if rows or places:
            await connection.execute(
                _WRITE, windows, counts.now_us, self._instance, list(places), list(places.values()), counts.id,
                [row.window for row in rows], [row.until_us for row in rows], [row.amount for row in rows],
            )  # fmt: skip
        return places

    async def _with_wait(self, connection: Any, answer: Taken | Full, now: int) -> Taken | Full:
        want = lacking(answer)
        if want is None:
            return answer
        assert isinstance(answer, Full)
        sql = _WAIT.format("$1", "$2", "$3")
        return waiting(answer, now, await connection.fetchval(sql, want.window, now, _excess(answer, want)))


def windows_vault(store: Store, instance: str) -> SqliteWindows | PostgresWindows:
    """The vault for this database; `instance` is the process whose places die with it."""
    return SqliteWindows(store.url.path, instance) if store.dialect == "sqlite" else PostgresWindows(store, instance)


async def prune(store: Store) -> None:
    """Forgets what has left its window, of names that nobody counts in any more, and the places of dead processes."""
    alive = "SELECT id FROM instances WHERE lease_until_us > ?"
    await store.rows("DELETE FROM window_entries WHERE until_us <= ?", now_us() - 60 * SECOND_US)
    await store.rows(f"DELETE FROM window_places WHERE instance NOT IN ({alive})", now_us() - 60 * SECOND_US)
    await store.rows("DELETE FROM window_places WHERE places = 0")
