"""The house at a glance, and what a user did: sums of ended requests, of UTC days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.rollups import speeds
from infra.rollups.facts import Facts
from infra.rollups.figures import DAY_US, Figures, added
from infra.rollups.speeds import Marks
from infra.store.database import Store
from infra.units import DAYS

RANKED = 50
"""So many models and users at most are named; the sums hold all."""
BEST_FIRST = "revenue DESC, requests DESC"


@dataclass(frozen=True, slots=True)
class Period:
    """The figures of a period, how many users made requests in it, and how fast its streams were."""

    figures: Figures
    active_users: int | None
    """None where it was not asked for."""
    speeds: tuple[Marks, Marks]


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
    facts = Facts(store)
    since, until = day_start_us(now_us) - (days - 1) * DAY_US, now_us + 1
    by_day = await facts.grouped(("day",), since, until, order="day")
    by_model = await facts.grouped(("model",), since, until, order=f"{BEST_FIRST}, model", limit=RANKED)
    by_user = await facts.grouped(("user_id",), since, until, order=f"{BEST_FIRST}, user_id", limit=RANKED)
    names = await user_names(store, [str(row["user_id"]) for row in by_user])
    before = _before(since, until, days)
    earlier = await facts.grouped(("user_id",), *before, order="user_id", limit=1)
    return Overview(
        now=Period(added(Figures.of(row) for row in by_day), _groups(by_user), await speeds.over(store, since, until)),
        previous=Period(
            Figures.of((await facts.grouped((), *before))[0]),
            _groups(earlier),
            await speeds.over(store, before[0], since),  # whole days: the sums have all of them
        ),
        by_day=[(day_name(int(row["day"])), Figures.of(row)) for row in by_day],
        by_model=[(str(row["model"]), Figures.of(row)) for row in by_model],
        by_user=[(names[str(row["user_id"])], Figures.of(row)) for row in by_user],
        **await _house(store),
    )


async def sums(store: Store, days: int, now_us: int) -> Overview:
    """The same periods without groups, users and speeds: a fraction of the work."""
    facts = Facts(store)
    since, until = day_start_us(now_us) - (days - 1) * DAY_US, now_us + 1
    [now], [previous] = await facts.grouped((), since, until), await facts.grouped((), *_before(since, until, days))
    return Overview(_bare(now), _bare(previous), by_day=[], by_model=[], by_user=[], **await _house(store))


def _bare(row: dict[str, Any]) -> Period:
    return Period(Figures.of(row), None, ({}, {}))


def _before(since: int, until: int, days: int) -> tuple[int, int]:
    """As many days before, up to the same time of day."""
    return since - days * DAY_US, until - days * DAY_US


async def usage_of(store: Store, user_id: str, since_us: int) -> list[DayUsage]:
    """A user's requests by day and model, the latest day first."""
    rows = await Facts(store).grouped(
        ("day", "model"), since_us, _EVER_US, {"user_id": user_id}, order="day DESC, revenue DESC, model"
    )
    return [DayUsage(day_name(int(row["day"])), row["model"], Figures.of(row)) for row in rows]


async def usage_by_key(store: Store, user_id: str, since_us: int) -> dict[str, Figures]:
    """A user's requests by key id."""
    rows = await Facts(store).grouped(("key_id",), since_us, _EVER_US, {"user_id": user_id})
    return {row["key_id"]: Figures.of(row) for row in rows}


_EVER_US = 100_000 * DAY_US


async def user_names(store: Store, user_ids: Sequence[str]) -> dict[str, str]:
    """Ids → names."""
    if not user_ids:
        return {}
    marks = ", ".join("?" * len(user_ids))
    rows = await store.read(f"SELECT id, name FROM users WHERE id IN ({marks})", *user_ids)
    return {row["id"]: row["name"] for row in rows}


async def _house(store: Store) -> dict[str, int]:
    [row] = await store.read(
        "SELECT COUNT(*) AS users, COALESCE(SUM(balance), 0) AS balance_nano, COALESCE(SUM(held), 0) AS held_nano,"
        " (SELECT COUNT(*) FROM keys WHERE active) AS keys,"
        " (SELECT COUNT(*) FROM requests WHERE state IN ('HELD', 'STREAMING')) AS running FROM users"
    )
    return {name: int(value) for name, value in row.items()}


def _groups(rows: list[dict[str, Any]]) -> int:
    return int(rows[0]["groups_"]) if rows else 0
