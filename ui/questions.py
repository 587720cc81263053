"""What more than one place asks of the gateway, under one name, so that all open tabs share the answers."""

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, NamedTuple

from infra.client import AdminClient

FRESH_SECONDS = 2.0
"""For so long all open tabs share one answer; twenty times as long as it took to compute, where that is more."""
CHART_SECONDS = 15.0
DAY_SECONDS = 86_400
USUAL_DAYS = 7
"""What the overview shows where nothing else was chosen."""
GROUPS = ("model", "user", "none")
"""What its charts are by."""


class Asked(NamedTuple):
    """A question, its name, and how old in seconds a shared answer may be."""

    name: Hashable
    question: Callable[[AdminClient], Awaitable[Any]]
    fresh: float = FRESH_SECONDS


def figures(days: int, sums: bool = False) -> Asked:
    """The overview of so many days, or its sums alone."""
    fresh = FRESH_SECONDS * (1 if days == 1 else 3 if days == 7 else 10)  # dearer, and seen to change less
    return Asked(("overview", days, sums), lambda api: api.overview(days, sums), fresh)


def series(days: int, by: str) -> Asked:
    """The overview's charts: by hour in the viewer's zone, by UTC day where it is a month."""
    step = "day" if days == 30 else "hour"
    begin = int(time.time()) - days * DAY_SECONDS
    more = {"from": begin // 3_600 * 3_600} if step == "hour" else {}
    return Asked(("series", days, by), lambda api: api.series(step=step, by=by, **more), CHART_SECONDS)


def of_the_overview() -> list[Asked]:
    """All that it asks when it is opened."""
    return [*(figures(days, days != USUAL_DAYS) for days in (1, 7, 30)), *(series(USUAL_DAYS, by) for by in GROUPS)]
