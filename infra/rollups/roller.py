"""Makes the sums: an hour that has closed is summed up with its day, and one that changed afterwards is summed up anew.

Always from the request log and as a whole, so doing it twice is harmless. Several processes may try: each reads the
version of the sums first and writes only over that version, so the slower one throws its work away. What changes a
request of a closed hour leaves a mark in the same transaction (migration 0005); a mark is taken away by the writing
that has seen what it stands for. It reads and writes beside the writer of money, never in its way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.rollups import speeds
from infra.rollups.figures import COLUMNS, DAY_US, ENDED, HOUR_US, SUMS
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.store.steps import Step

CLOSED_AFTER_US = 660 * SECOND_US
"""How long after its end an hour is closed: a minute more than the ten without marks (migration 0005)."""
USER_HOURS_KEPT = 9 * 24
"""So many hours back the sums by hour and user go: a chart of a week."""
_PERIOD = "r.created_us >= ? AND r.created_us < ?"
_HOURS = (
    f"SELECT r.created_us / {HOUR_US} AS hour, r.model, COALESCE(r.backend, '') AS backend, r.endpoint, {SUMS}"
    f" FROM requests r WHERE {_PERIOD} AND {ENDED}"
    f" GROUP BY r.created_us / {HOUR_US}, r.model, COALESCE(r.backend, ''), r.endpoint"
)
_PEOPLE = (
    f"SELECT r.created_us / {DAY_US} AS day, r.user_id, r.key_id, r.model, {SUMS} FROM requests r"
    f" WHERE {_PERIOD} AND {ENDED} GROUP BY r.created_us / {DAY_US}, r.user_id, r.key_id, r.model"
)
_USERS = (
    f"SELECT r.created_us / {HOUR_US} AS hour, r.user_id, {SUMS} FROM requests r"
    f" WHERE {_PERIOD} AND {ENDED} GROUP BY r.created_us / {HOUR_US}, r.user_id"
)
_WORKED = f"{ENDED} AND r.backend IS NOT NULL AND r.finished_us > r.held_us"
_TOOK = (
    "SELECT r.model, r.backend, SUM(r.finished_us - r.held_us) AS took FROM requests r"
    f" WHERE {_PERIOD} AND {_WORKED} GROUP BY r.model, r.backend"
)
# The time in which at least one ran: each adds what none before it, in the order of their beginning, had covered.
_BUSY = (
    "SELECT '' AS model, backend, SUM(CASE WHEN prev IS NULL OR prev < held_us THEN finished_us - held_us"
    " WHEN prev < finished_us THEN finished_us - prev ELSE 0 END) AS took FROM ("
    "SELECT r.backend, r.held_us, r.finished_us, MAX(r.finished_us) OVER (PARTITION BY r.backend"
    " ORDER BY r.held_us, r.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS prev"
    f" FROM requests r WHERE {_PERIOD} AND {_WORKED}) AS t GROUP BY backend"
)
_GUARD = "UPDATE rollup_state SET version = version + 1, rolled_until_us = ? WHERE version = ?"
_OF_STREAM = {"model": "r.model", "backend": "COALESCE(r.backend, '')"}


@dataclass(frozen=True, slots=True)
class State:
    """How far the sums go, and which of the log is still there; microseconds."""

    version: int
    rolled_until_us: int
    pruned_until_us: int


async def state(store: Store) -> State:
    """As it is now."""
    while not (rows := await store.read("SELECT version, rolled_until_us, pruned_until_us FROM rollup_state")):
        await store.write(lambda: store.run("INSERT INTO rollup_state VALUES (1, 0, 0, 0, 0) ON CONFLICT DO NOTHING"))
    return State(*(int(rows[0][name]) for name in ("version", "rolled_until_us", "pruned_until_us")))


class Roller:
    """`step` until it answers False; one per process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def step(self, now: int | None = None) -> bool:
        """One piece of work of at most a day: first what changed, else what has closed. False where there is none."""
        before = await state(self._store)
        marks = await self._store.read("SELECT created_us FROM rollup_marks ORDER BY id LIMIT 1")
        now = await self._now() if now is None else now
        kept = now // HOUR_US - USER_HOURS_KEPT
        if marks:
            return await self._again(before, int(marks[0]["created_us"]), kept)
        closed = (now - CLOSED_AFTER_US) // HOUR_US * HOUR_US
        begin = before.rolled_until_us or await self._beginning(closed)
        if begin >= closed:
            return False
        end = min(closed, begin // DAY_US * DAY_US + DAY_US)
        await self._write(before, end, range(begin // HOUR_US, end // HOUR_US), [], kept)
        return True

    async def forget(self) -> None:
        """Throws away all sums of what the log still has; they are made again, and meanwhile the log itself is asked.
        What was pruned from the log stays as it was summed up."""
        before = await state(self._store)
        kept = before.pruned_until_us
        await self._store.change(
            (_GUARD, [(kept, before.version)]),
            ("DELETE FROM usage_hours WHERE hour >= ?", [(kept // HOUR_US,)]),
            ("DELETE FROM usage_days WHERE day >= ?", [(kept // DAY_US,)]),
            ("DELETE FROM speed_days WHERE day >= ?", [(kept // DAY_US,)]),
            ("DELETE FROM user_hours WHERE hour >= ?", [(kept // HOUR_US,)]),
            ("UPDATE rollup_state SET user_hours_from_us = ? WHERE user_hours_from_us > ?", [(kept, kept)]),
        )

    async def _now(self) -> int:
        """By the clock that the marks go by."""
        if self._store.dialect == "sqlite":
            return now_us()
        [row] = await self._store.read("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now")
        return int(row["now"])

    async def _beginning(self, closed: int) -> int:
        """The day of the first request; without one there is nothing to sum up before now."""
        [row] = await self._store.read("SELECT MIN(created_us) AS first FROM requests")
        return closed if row["first"] is None else min(closed, int(row["first"]) // DAY_US * DAY_US)

    async def _again(self, before: State, marked_us: int, kept: int) -> bool:
        """The hours that changed of the day of this mark, and all marks of that day with them."""
        begin, until = before.pruned_until_us, before.rolled_until_us
        if not begin <= marked_us < until:
            # Of what is not summed up yet, or no longer in the log; after a restore those may be very many.
            stale = "DELETE FROM rollup_marks WHERE created_us < ? OR created_us >= ?"
            return await self._store.change((_GUARD, [(until, before.version)]), (stale, [(begin, until)]))
        day_us = marked_us // DAY_US * DAY_US
        marks = await self._store.read(
            "SELECT id, created_us FROM rollup_marks WHERE created_us >= ? AND created_us < ?",
            day_us,
            min(until, day_us + DAY_US),
        )
        hours = sorted({int(mark["created_us"]) // HOUR_US for mark in marks})
        return bool(hours) and await self._write(before, until, hours, [mark["id"] for mark in marks], kept)

    async def _write(self, before: State, until: int, hours: Sequence[int], marks: list[int], kept: int) -> bool:
        """Sums up these hours of one day, and what of that day lies before `until`. By user only from hour `kept`."""
        steps: list[Step] = [(_GUARD, [(until, before.version)])]
        day = hours[0] // 24
        end = min(until, (day + 1) * DAY_US)
        steps.append(("DELETE FROM usage_hours WHERE hour = ?", [(hour,) for hour in hours]))
        span = hours[0] * HOUR_US, min(end, (hours[-1] + 1) * HOUR_US)
        found = await self._store.read(_HOURS, *span)
        steps.append(_insert("usage_hours", [row for row in found if row["hour"] in set(hours)]))
        steps += await self._user_hours([hour for hour in hours if hour >= kept], span, kept)
        steps.append(("DELETE FROM usage_days WHERE day = ?", [(day,)]))
        steps.append(_insert("usage_days", await self._store.read(_PEOPLE, day * DAY_US, end)))
        steps.append(("DELETE FROM speed_days WHERE day = ?", [(day,)]))
        steps.append(_insert("speed_days", await self._speeds(day, end)))
        steps.append(("DELETE FROM rollup_marks WHERE id = ?", [(id,) for id in marks]))
        return await self._store.change(*(step for step in steps if step[1]))

    async def _user_hours(self, hours: Sequence[int], span: tuple[int, int], kept: int) -> list[Step]:
        known_from = "UPDATE rollup_state SET user_hours_from_us = ? WHERE user_hours_from_us < ?"
        steps: list[Step] = [
            ("DELETE FROM user_hours WHERE hour < ?", [(kept,)]),
            (known_from, [(kept * HOUR_US, kept * HOUR_US)]),
        ]
        if hours:
            found = await self._store.read(_USERS, *span)
            steps.append(("DELETE FROM user_hours WHERE hour = ?", [(hour,) for hour in hours]))
            steps.append(_insert("user_hours", [row for row in found if row["hour"] in set(hours)]))
        return steps

    async def _speeds(self, day: int, end: int) -> list[dict[str, Any]]:
        period = (day * DAY_US, end)
        found: dict[tuple[str, str], dict[str, Any]] = {}

        def of(row: dict[str, Any]) -> dict[str, Any]:
            empty = {
                "day": day,
                "model": row["model"],
                "backend": row["backend"],
                "first": {},
                "rate": {},
                "busy_us": 0,
            }
            return found.setdefault((row["model"], row["backend"]), empty)

        for what in ("first", "rate"):
            for row in await self._store.read(speeds.sql(what, _OF_STREAM, _PERIOD), *period):
                of(row)[what][int(row["mark"])] = int(row["n"])
        for statement in (_TOOK, _BUSY):
            for row in await self._store.read(statement, *period):
                of(row)["busy_us"] = int(row["took"])
        return [
            {**row, "first_json": speeds.write_marks(row["first"]), "rate_json": speeds.write_marks(row["rate"])}
            for row in found.values()
        ]


_TABLES = {
    "usage_hours": ("hour", "model", "backend", "endpoint", *COLUMNS),
    "usage_days": ("day", "user_id", "key_id", "model", *COLUMNS),
    "user_hours": ("hour", "user_id", *COLUMNS),
    "speed_days": ("day", "model", "backend", "first_json", "rate_json", "busy_us"),
}


def _insert(table: str, rows: Iterable[dict[str, Any]]) -> Step:
    names = _TABLES[table]
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    return sql, [[value if isinstance(value := row[name], str) else int(value) for name in names] for row in rows]
