"""Sums over any period by any group, exact at any moment: whole hours or days from the tables of sums, the rest from
the request log itself, added up in one statement, so that no request is missed or counted twice while the roller works.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.rollups.figures import COLUMNS, DAY_US, ENDED, HOUR_US, SUMS
from infra.store.database import Store

_OF_A_REQUEST = {
    "hour": f"r.created_us / {HOUR_US}",
    "day": f"r.created_us / {DAY_US}",
    "model": "r.model",
    "backend": "COALESCE(r.backend, '')",
    "endpoint": "r.endpoint",
    "user_id": "r.user_id",
    "key_id": "r.key_id",
}

_GROUPED = {**_OF_A_REQUEST, "user_id": "COALESCE(r.user_id, '')", "model": "COALESCE(r.model, '')"}
"""The same to group by. They are never null; written so, SQLite reads a period by time, not by each user in turn."""


@dataclass(frozen=True, slots=True)
class Cube:
    """One table of sums: its unit of time, and how it calls what can be grouped by."""

    table: str
    unit_us: int
    unit: str
    names: Mapping[str, str]


HOUSE = Cube(
    "usage_hours",
    HOUR_US,
    "hour",
    {"hour": "hour", "day": "hour / 24", "model": "model", "backend": "backend", "endpoint": "endpoint"},
)
PEOPLE = Cube("usage_days", DAY_US, "day", {"day": "day", "model": "model", "user_id": "user_id", "key_id": "key_id"})
RECENT = Cube("user_hours", HOUR_US, "hour", {"hour": "hour", "day": "hour / 24", "user_id": "user_id"})
"""Complete from some day on alone."""
_FROM = "SELECT user_hours_from_us AS first FROM rollup_state"
_UNTIL = "COALESCE((SELECT rolled_until_us FROM rollup_state), 0)"

_WHOLE = "CAST(? AS BIGINT)"
"""PostgreSQL does not guess the type of a CASE of parameters alone."""

Part = tuple[str, list[Any]]
Where = Mapping[str, str | Sequence[str]]


def cube_for(names: set[str], recent: bool) -> Cube | None:
    """The table that knows all of these; None where only the log does."""
    return next((cube for cube in (HOUSE, *([RECENT] if recent else []), PEOPLE) if names <= cube.names.keys()), None)


class Facts:
    """Queries alone; one per journal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def grouped(
        self,
        by: Sequence[str],
        since_us: int,
        until_us: int,
        where: Where | None = None,
        order: str = "",
        limit: int = 0,
    ) -> list[dict[str, Any]]:
        """One row for each group with requests in `since_us` ≤ arrival < `until_us`: the names of `by` and COLUMNS,
        and in `groups_` how many groups there are. `by` and `where`: hour, day (numbers from 1970), model, backend,
        endpoint, user_id, key_id; of `where` also several values. `order` and `limit` as in SQL."""
        recent = await self._recent(by, since_us, where or {})
        inner, values = statement(by, since_us, until_us, where or {}, recent)
        keys = ", ".join(by)
        sums = ", ".join(f"SUM({name}) AS {name}" for name in COLUMNS)
        sql = f"SELECT {keys + ', COUNT(*) OVER () AS groups_, ' if by else ''}{sums} FROM ({inner}) AS parts"
        sql += f" GROUP BY {keys}" if by else ""
        sql += f" ORDER BY {order}" if order else ""
        sql += f" LIMIT {int(limit)}" if limit else ""
        return await self._store.read(sql, *values)

    async def _recent(self, by: Sequence[str], since_us: int, where: Where) -> bool:
        """Do the sums by hour and user hold the whole period? A day's grace: their beginning moves on meanwhile. Where
        no hours are wanted, those by day are fewer."""
        names = {*by, *where}
        if "hour" not in by or names <= HOUSE.names.keys() or not names <= RECENT.names.keys():
            return False
        rows = await self._store.read(_FROM)
        return bool(rows) and since_us >= int(rows[0]["first"]) + DAY_US


def statement(by: Sequence[str], since_us: int, until_us: int, where: Where, recent: bool = False) -> Part:
    """The parts that together hold every request of the period once. `recent`: RECENT has all of it."""
    cube = cube_for({*by, *where}, recent)
    first = last = until_us
    if cube is not None:
        first, last = -(-since_us // cube.unit_us) * cube.unit_us, until_us // cube.unit_us * cube.unit_us
    if cube is None or first >= until_us:
        parts = [_log(by, where, "r.created_us >= ? AND r.created_us < ?", [since_us, until_us])]
    else:
        parts = [_sums(cube, by, where, first, last, until_us), _rest(by, where, first, last, until_us)]
        if since_us < first:
            parts.append(_log(by, where, "r.created_us >= ? AND r.created_us < ?", [since_us, first]))
    return " UNION ALL ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _sums(cube: Cube, by: Sequence[str], where: Where, first: int, last: int, until_us: int) -> Part:
    """Whole units. The unit that goes on now is summed up to a whole hour, which `_rest` begins at."""
    names = "".join(f"{cube.names[name]} AS {name}, " for name in by)
    filters, values = _filters(cube.names, where)
    sql = (
        f"SELECT {names}{', '.join(COLUMNS)} FROM {cube.table}"
        f" WHERE {cube.unit} >= ? AND {cube.unit} < CASE WHEN {_UNTIL} <= ? THEN {_WHOLE} ELSE {_WHOLE} END{filters}"
    )
    unit = cube.unit_us
    return sql, [first // unit, until_us, -(-until_us // unit), last // unit, *values]


def _rest(by: Sequence[str], where: Where, first: int, last: int, until_us: int) -> Part:
    """What came after the sums end, or after the last whole unit where they go on beyond the period."""
    begin = f"CASE WHEN {_UNTIL} > ? THEN ? WHEN {_UNTIL} > ? THEN {_UNTIL} ELSE ? END"
    condition = f"r.created_us >= ({begin}) AND r.created_us < ?"
    return _log(by, where, condition, [until_us, max(first, last), first, first, until_us])


def _log(by: Sequence[str], where: Where, condition: str, values: list[Any]) -> Part:
    names = "".join(f"{_GROUPED[name]} AS {name}, " for name in by)
    groups = ", ".join(_GROUPED[name] for name in by)
    filters, wanted = _filters(_OF_A_REQUEST, where)
    sql = f"SELECT {names}{SUMS} FROM requests r WHERE {condition} AND {ENDED}{filters}"
    return sql + (f" GROUP BY {groups}" if by else ""), [*values, *wanted]


def _filters(columns: Mapping[str, str], where: Where) -> Part:
    """Conditions on these columns, each after an AND."""
    lists = {name: [value] if isinstance(value, str) else list(value) for name, value in where.items()}
    sql = "".join(f" AND {columns[name]} IN ({', '.join('?' * len(values))})" for name, values in lists.items())
    return sql, [value for values in lists.values() for value in values]
