"""Sums over the request log. Amounts are nano-units, summed by the database as integers, never as floats.

PostgreSQL's SUM of BIGINT is a NUMERIC, SQLite's an INTEGER: `_whole` makes both Python integers. Days are UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.store.clock import SECOND_US
from infra.store.database import Store
from infra.units import DAYS

DAY_US = DAYS * SECOND_US
RANKED = 50
"""So many models and users at most are named; the sums hold all."""

_SUMS = (
    "COUNT(*) AS requests, COALESCE(SUM(r.charged - r.refunded), 0) AS revenue_nano,"
    # 499: the client left, which is no error of anybody's here.
    " COALESCE(SUM(CASE WHEN r.status >= 400 AND r.status <> 499 THEN 1 ELSE 0 END), 0) AS errors,"
    " COALESCE(SUM(r.input_tokens), 0) AS input_tokens, COALESCE(SUM(r.output_tokens), 0) AS output_tokens"
)
_PERIOD = "r.created_us >= ? AND r.created_us < ?"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a group of requests adds up to; revenue is what was charged less what was refunded, in nano-units."""

    requests: int = 0
    revenue_nano: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Period:
    """The figures of a period and how many users made requests in it."""

    figures: Figures
    active_users: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The house at a glance. `by_…`: a name and its figures."""

    now: Period
    previous: Period
    by_day: list[tuple[str, Figures]]
    by_model: list[tuple[str, Figures]]
    by_user: list[tuple[str, Figures]]
    users: int
    keys: int
    """Those that are switched on."""
    balance_nano: int
    held_nano: int
    running: int
    """Requests that a backend works on now, in every process."""


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What one user did with one model on one day."""

    day: str
    model: str
    figures: Figures


def day_start_us(now_us: int) -> int:
    """The beginning of the UTC day."""
    return now_us // DAY_US * DAY_US


def day_name(number: int) -> str:
    """2026-11-24, from days since 1970."""
    return datetime.fromtimestamp(number * DAYS, UTC).date().isoformat()


async def overview(store: Store, days: int, now_us: int) -> Overview:
    """`days` UTC days, today's part included; before them as many, up to the same time of day, so that both compare."""
    since = day_start_us(now_us) - (days - 1) * DAY_US
    until = now_us + 1
    by_day = await _grouped(store, f"r.created_us / {DAY_US}", "name", since, until)
    by_user = await _grouped(store, "r.user_id", "revenue_nano DESC, requests DESC", since, until)
    names = await _names(store, [str(row["name"]) for row in by_user])
    by_model = await _grouped(store, "r.model", "revenue_nano DESC, requests DESC", since, until)
    return Overview(
        now=Period(added(map(_figures, by_day)), _groups(by_user)),
        previous=await _period(store, since - days * DAY_US, until - days * DAY_US),
        by_day=[(day_name(int(row["name"])), _figures(row)) for row in by_day],
        by_model=[(str(row["name"]), _figures(row)) for row in by_model],
        by_user=[(names[str(row["name"])], _figures(row)) for row in by_user],
        **await _house(store),
    )


async def usage_of(store: Store, user_id: str, since_us: int) -> list[DayUsage]:
    """A user's requests by day and model, the latest day first."""
    rows = await store.rows(
        f"SELECT r.created_us / {DAY_US} AS day, r.model, {_SUMS} FROM requests r"
        f" WHERE r.user_id = ? AND r.created_us >= ? GROUP BY r.created_us / {DAY_US}, r.model"
        " ORDER BY day DESC, revenue_nano DESC, r.model",
        user_id,
        since_us,
    )
    return [DayUsage(day_name(int(row["day"])), row["model"], _figures(row)) for row in rows]


async def usage_by_key(store: Store, user_id: str, since_us: int) -> dict[str, Figures]:
    """A user's requests by key id."""
    rows = await store.rows(
        f"SELECT r.key_id, {_SUMS} FROM requests r WHERE r.user_id = ? AND r.created_us >= ? GROUP BY r.key_id",
        user_id,
        since_us,
    )
    return {row["key_id"]: _figures(row) for row in rows}


async def _grouped(store: Store, by: str, order: str, since_us: int, until_us: int) -> list[dict[str, Any]]:
    """One scan of the period: figures by group, and in each row how many groups there are."""
    return await store.rows(
        f"SELECT {by} AS name, COUNT(*) OVER () AS groups_, {_SUMS} FROM requests r WHERE {_PERIOD}"
        f" GROUP BY {by} ORDER BY {order}, {by}" + ("" if order == "name" else f" LIMIT {RANKED}"),
        since_us,
        until_us,
    )


async def _period(store: Store, since_us: int, until_us: int) -> Period:
    [row] = await store.rows(
        f"SELECT COUNT(DISTINCT r.user_id) AS users, {_SUMS} FROM requests r WHERE {_PERIOD}", since_us, until_us
    )
    return Period(_figures(row), int(row["users"]))


async def _names(store: Store, user_ids: list[str]) -> dict[str, str]:
    if not user_ids:
        return {}
    marks = ", ".join("?" * len(user_ids))
    rows = await store.rows(f"SELECT id, name FROM users WHERE id IN ({marks})", *user_ids)
    return {row["id"]: row["name"] for row in rows}


async def _house(store: Store) -> dict[str, int]:
    [row] = await store.rows(
        "SELECT COUNT(*) AS users, COALESCE(SUM(balance), 0) AS balance_nano, COALESCE(SUM(held), 0) AS held_nano,"
        " (SELECT COUNT(*) FROM keys WHERE active) AS keys,"
        " (SELECT COUNT(*) FROM requests WHERE state IN ('HELD', 'STREAMING')) AS running FROM users"
    )
    return {name: int(value) for name, value in row.items()}


def _figures(row: dict[str, Any]) -> Figures:
    return Figures(**{name: int(row[name]) for name in Figures.__dataclass_fields__})


def _groups(rows: list[dict[str, Any]]) -> int:
    return int(rows[0]["groups_"]) if rows else 0


def added(groups: Iterable[Figures]) -> Figures:
    """The sum of all."""
    found = list(groups)
    return Figures(**{name: sum(getattr(each, name) for each in found) for name in Figures.__dataclass_fields__})
