"""Which chart, and its points as JSON."""

from datetime import UTC, datetime
from typing import Any

from infra.errors import BadRequest
from infra.journal import views
from infra.journal.series import GROUPS, STEP_US, Asked, Series
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.clock import SECOND_US, now_us

POINTS_MAX = {"hour": 31 * 24, "day": 732}
POINTS_USUAL = {"hour": 24, "day": 30}


async def asked(call: Call) -> Asked:
    """Raises BadRequest, and NotFound for a user or key that there is not."""
    query = Query(call, "step", "by", "from", "to", "user", "key", "model", "backend", "endpoint")
    step = query.one_of("step", tuple(STEP_US)) or "day"
    unit = STEP_US[step]
    end = query.end()
    until = -(-(now_us() + 1 if end is None else end) // unit) * unit
    start = query.start()
    since = until - POINTS_USUAL[step] * unit if start is None else start // unit * unit
    if since >= until:
        raise BadRequest("from must lie before to.", param="from")
    if (until - since) // unit > POINTS_MAX[step]:
        raise BadRequest(f"At most {POINTS_MAX[step]} points at once: a shorter period, please.", param="from")
    return Asked(step, since, until, query.one_of("by", tuple(GROUPS)) or "none", await _where(call, query))


async def _where(call: Call, query: Query) -> dict[str, str]:
    identity, user, key = call.gateway.identity, query.text("user"), query.text("key")
    found = {
        "user_id": (await identity.users.find(user)).id if user else None,
        "key_id": (await identity.keys.find(key)).id if key else None,
        **{name: query.text(name) for name in ("model", "backend", "endpoint")},
    }
    return {name: value for name, value in found.items() if value}


def shown(asked: Asked, found: list[Series]) -> dict[str, Any]:
    """The body of GET /admin/series."""
    times = [_iso(at) for at in asked.buckets]
    return {
        "object": "series",
        "step": asked.step,
        "by": asked.by,
        "from": _iso(asked.since_us),
        "to": _iso(asked.until_us),
        "series": [
            {
                "id": each.id,
                "name": each.name,
                "points": [
                    {"at": at, **views.figures(figures)} for at, figures in zip(times, each.points, strict=True)
                ],
            }
            for each in found
        ],
    }


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // SECOND_US, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
