"""Users as a list: in any order, each with what they spent lately and when they last asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.identity.names import NAME_MAX, storable
from infra.journal.line import Page
from infra.rollups.facts import Facts, statement
from infra.rollups.figures import DAY_US
from infra.store.cursor import read_place, write_place
from infra.store.database import Store
from infra.store.models import User

SPENT_DAYS = 30
"""UTC days, today's part included."""
ORDERS = {
    "name": "LOWER(u.name)",
    "balance": "u.balance",
    "held": "u.held",
    "spent": "COALESCE(s.spent, 0)",
    "last_used": "COALESCE(k.used, 0)",
    "created": "u.created_us",
}
"""What the list can be sorted by, as an expression on `users u`, its sums `s` and its keys `k`."""
SORTS = tuple(sign + name for name in ORDERS for sign in ("", "-"))
"""The same with a "-" before it: the largest first."""
_MANY = 1_000
"""Above so many users their figures are asked for of all, rather than for each by id."""
_USED = "SELECT user_id, MAX(last_used_us) AS used FROM keys{where} GROUP BY user_id"


@dataclass(frozen=True, slots=True)
class Habit:
    """What a user spent in the last SPENT_DAYS, in nano-units, and when one of their keys was last used."""

    spent: int = 0
    last_used_us: int | None = None


class People:
    """Queries alone; one per journal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def sorted(self, sort: str, q: str | None, limit: int | None, cursor: str | None, now_us: int) -> Page[User]:
        """Users whose name holds `q` in any case, by one of SORTS; users that are alike in it by their ids.

        A page begins behind the last row of the one before, by that row's value then: who did not move meanwhile is
        shown exactly once. Raises BadRequest for a cursor of another order.
        """
        by, down = ORDERS[sort.removeprefix("-")], sort.startswith("-")
        if q is not None and not storable(q, NAME_MAX):
            return Page([])
        tables, values = self._tables(by, now_us)
        wheres: list[str] = []
        if q:
            wheres.append("LOWER(u.name) LIKE ? ESCAPE '!'")
            values.append(f"%{q.lower().replace('!', '!!').replace('%', '!%').replace('_', '!_')}%")
        after: tuple[int | str, str] | None = (
            read_place(sort, cursor, str) if "name" in sort else read_place(sort, cursor, int)
        )
        if after is not None:
            wheres.append(f"({by}, u.id) {'<' if down else '>'} (?, ?)")
            values += after
        turn = " DESC" if down else ""
        sql = f"SELECT u.id, {by} AS at FROM users u{tables} WHERE {' AND '.join(wheres) or 'TRUE'}"
        sql += f" ORDER BY {by}{turn}, u.id{turn}" + (f" LIMIT {limit + 1}" if limit else "")
        rows = await self._store.read(sql, *values)
        shown = rows[:limit] if limit else rows
        last = shown[-1] if len(rows) > len(shown) else None
        return Page(await _users(shown), None if last is None else write_place(sort, last["at"], last["id"]))

    def _tables(self, by: str, now_us: int) -> tuple[str, list[Any]]:
        if "s." in by:
            inner, values = statement(["user_id"], _since(now_us), now_us + 1, {})
            sums = f"SELECT user_id, CAST(SUM(revenue) AS BIGINT) AS spent FROM ({inner}) AS parts GROUP BY user_id"
            return f" LEFT JOIN ({sums}) AS s ON s.user_id = u.id", values
        if "k." in by:
            return f" LEFT JOIN ({_USED.format(where='')}) AS k ON k.user_id = u.id", []
        return "", []

    async def habits(self, ids: Sequence[str], now_us: int) -> dict[str, Habit]:
        """User id → what they spent and when they last asked."""
        few = 0 < len(ids) <= _MANY
        spent = await Facts(self._store).grouped(
            ["user_id"], _since(now_us), now_us + 1, {"user_id": list(ids)} if few else None
        )
        where = f" WHERE user_id IN ({', '.join('?' * len(ids))})" if few else ""
        used = await self._store.read(_USED.format(where=where), *(ids if few else ()))
        sums = {row["user_id"]: int(row["revenue"]) for row in spent}
        last = {row["user_id"]: row["used"] for row in used}
        return {id: Habit(sums.get(id, 0), last.get(id)) for id in ids}


async def _users(rows: Sequence[dict[str, Any]]) -> list[User]:
    ids = [row["id"] for row in rows]
    found = await (User.filter(id__in=ids) if len(ids) <= _MANY else User.all())
    known = {user.id: user for user in found}
    return [known[id] for id in ids if id in known]


def _since(now_us: int) -> int:
    return (now_us // DAY_US - SPENT_DAYS + 1) * DAY_US
