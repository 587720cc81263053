"""What the overview looks like."""

from infra.openapi.operation import Operation, choice
from infra.openapi.shapes import BackendBrief, Money, Nano, Shape, Sums


class Quantiles(Shape):
    """Half of all, and all but one of twenty, were at most this; null where nothing was measured."""

    p50: float | None
    p95: float | None


class Period(Sums, kw_only=True):
    """The figures of some days."""

    active_users: int | None
    ttft_ms: Quantiles
    tokens_per_second: Quantiles


class OfDay(Sums, kw_only=True):
    """One UTC day."""

    day: str


class OfModel(Sums, kw_only=True):
    """One model."""

    model: str


class OfUser(Sums, kw_only=True):
    """One user."""

    username: str


class LiveCounts(Shape):
    """What runs and waits."""

    streams: int
    queued: int


class Overview(Period, kw_only=True):
    """The house at a glance."""

    currency: str
    period_days: int
    previous: Period
    users: int
    keys: int
    balance_total: Money
    balance_total_nano: Nano
    held_total: Money
    held_total_nano: Nano
    live: LiveCounts
    backends: list[BackendBrief]
    by_day: list[OfDay]
    by_model: list[OfModel]
    by_user: list[OfUser]


DAYS = choice("UTC days, today's part included.", "1", "7", "30")

SUMS = choice("The sums alone: no groups, users and speeds.", "true", "false")

OPERATIONS = {"GET /admin/overview": Operation(answer=Overview, query={"days": DAYS, "sums": SUMS})}
