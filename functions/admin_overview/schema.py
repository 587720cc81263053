"""Which period, and the overview as JSON."""

from typing import TYPE_CHECKING, Any

from infra.journal import views
from infra.journal.figures import Overview, Period
from infra.rollups import speeds
from infra.rollups.figures import Figures
from infra.runtime.query import Query

if TYPE_CHECKING:
    from infra.runtime.call import Call
    from infra.runtime.gateway import Gateway

DAYS = ("1", "7", "30")


def asked(call: "Call") -> tuple[int, bool]:
    """How many UTC days, and whether their sums alone are wanted; raises BadRequest."""
    query = Query(call, "days", "sums")
    return int(query.one_of("days", DAYS) or 1), query.flag("sums")


def shown(found: Overview, period_days: int, gateway: "Gateway") -> dict[str, Any]:
    """The body of GET /admin/overview; revenue is what was charged less what went back."""
    states = gateway.pool.states()
    return {
        "currency": gateway.manifest.gateway.currency,
        "period_days": period_days,
        **_period(found.now),
        "previous": _period(found.previous),
        "users": found.users,
        "keys": found.keys,
        **views.money("balance_total", found.balance_nano),
        **views.money("held_total", found.held_nano),
        "live": {"streams": found.running, "queued": sum(state.queued for state in states)},
        "backends": [views.backend_brief(state) for state in states],
        "by_day": _named("day", found.by_day),
        "by_model": _named("model", found.by_model),
        "by_user": _named("username", found.by_user),
    }


def _period(period: Period) -> dict[str, Any]:
    return {**views.figures(period.figures), "active_users": period.active_users, **speeds.shown(period.speeds)}


def _named(name: str, groups: list[tuple[str, Figures]]) -> list[dict[str, Any]]:
    return [{name: each, **views.figures(figures)} for each, figures in groups]
