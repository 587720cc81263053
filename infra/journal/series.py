"""Figures over time, for charts: one point for each hour or day of a period, by the largest of a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from infra.journal.figures import BEST_FIRST, user_names
from infra.rollups.facts import Facts
from infra.rollups.figures import DAY_US, HOUR_US, Figures
from infra.store.database import Store

TOP = 10
"""So many are drawn by name; what is left is one more, called other."""
STEP_US = {"hour": HOUR_US, "day": DAY_US}
GROUPS = {"none": (), "model": ("model",), "user": ("user_id",), "key": ("key_id",), "backend": ("backend",)}
By = Literal["none", "model", "user", "key", "backend"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart; `id` is what `name` stands for, None of all and of the rest. As many points as buckets."""

    id: str | None
    name: str
    points: list[Figures]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whole steps: the period begins and ends on one. `where` as in `Facts.grouped`."""

    step: str
    since_us: int
    until_us: int
    by: str
    where: Mapping[str, str]

    @property
    def buckets(self) -> range:
        """The beginnings of the steps, in microseconds."""
        return range(self.since_us, self.until_us, STEP_US[self.step])


async def series(store: Store, asked: Asked) -> list[Series]:
    """The largest first, then the rest of all where there is any; of no group one series of all."""
    facts, group = Facts(store), GROUPS[asked.by]
    period = asked.since_us, asked.until_us
    everything = _points(asked, await facts.grouped((asked.step,), *period, asked.where))
    if not group:
        return [Series(None, "all", everything)]
    [name] = group
    ranked = await facts.grouped(group, *period, asked.where, order=f"{BEST_FIRST}, {name}", limit=TOP)
    if not ranked:
        return []
    ids = [str(row[name]) for row in ranked]
    # A group that is filtered by itself stays what was asked for.
    rows = await facts.grouped((asked.step, name), *period, {**asked.where, name: ids})
    names = await _names(store, asked.by, ids)
    found = [Series(id, names.get(id, id), _points(asked, [row for row in rows if str(row[name]) == id])) for id in ids]
    if int(ranked[0]["groups_"]) > len(ids):
        found.append(Series(None, "other", [_less(all_, *some) for all_, *some in _side_by_side(everything, found)]))
    return found


def _points(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> list[Figures]:
    """One for each bucket, zeros where nothing happened."""
    known = {int(row[asked.step]): Figures.of(row) for row in rows}
    return [known.get(at // STEP_US[asked.step], Figures()) for at in asked.buckets]


def _side_by_side(everything: list[Figures], found: list[Series]) -> Any:
    return zip(everything, *(each.points for each in found), strict=True)


def _less(all_: Figures, *some: Figures) -> Figures:
    return Figures(
        *(getattr(all_, name) - sum(getattr(each, name) for each in some) for name in Figures.__dataclass_fields__)
    )


async def _names(store: Store, by: str, ids: Sequence[str]) -> dict[str, str]:
    """What people call them; a backend without a name is that of requests that came to none."""
    if by == "user":
        return await user_names(store, ids)
    if by == "key":
        marks = ", ".join("?" * len(ids))
        sql = f"SELECT k.id, k.prefix, u.name FROM keys k JOIN users u ON u.id = k.user_id WHERE k.id IN ({marks})"
        return {row["id"]: f"{row['prefix']} ({row['name']})" for row in await store.read(sql, *ids)}
    return {"": "no backend"} if by == "backend" else {}
