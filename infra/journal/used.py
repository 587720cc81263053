"""What a user used, as JSON: for the user under /v1, for the owner under /admin."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.journal import views
from infra.journal.figures import DayUsage
from infra.rollups.figures import Figures, added
from infra.store.models import Key


def used(
    currency: str, days: int, rows: Sequence[DayUsage], by_key: Mapping[str, Figures], keys: Sequence[Key]
) -> dict[str, Any]:
    """Sums over the period, and by day, model and key; `cost` is what was charged less what came back."""
    known = {key.id: key for key in keys}
    return {
        "object": "usage",
        "currency": currency,
        "period_days": days,
        **views.figures(added(row.figures for row in rows), "cost"),
        "by_day": _grouped("day", rows),
        "by_model": _grouped("model", rows),
        "by_key": [
            {"key": id, "name": known[id].name if id in known else None, **views.figures(found, "cost")}
            for id, found in sorted(by_key.items())
        ],
    }


def _grouped(name: str, rows: Sequence[DayUsage]) -> list[dict[str, Any]]:
    groups: dict[str, list[Figures]] = {}
    for row in rows:
        groups.setdefault(getattr(row, name), []).append(row.figures)
    return [{name: each, **views.figures(added(found), "cost")} for each, found in sorted(groups.items())]
