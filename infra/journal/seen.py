"""Where in the log to look for what few requests have in common: the sums know from when to when there were any.

A backend that is gone or an endpoint that nobody calls has no index of its own, which every request would pay for;
without this, looking for one walks through the whole log.
"""

from dataclasses import replace

from infra.journal.line import Filters
from infra.rollups.figures import HOUR_US
from infra.store.database import Store

_SPAN = "SELECT MIN(hour) AS first, MAX(hour) AS last FROM usage_hours WHERE "
_FRESH = (
    "SELECT COALESCE((SELECT rolled_until_us FROM rollup_state), 0) AS rolled,"
    " (SELECT MIN(created_us) FROM requests WHERE state IN ('HELD', 'STREAMING')) AS oldest_open"
)


async def narrowed(store: Store, filters: Filters) -> Filters:
    """The same filters with a period that has all that they find."""
    if not (filters.backend or filters.endpoint) or filters.user_id or filters.failed or filters.error:
        return filters
    names = {"model": filters.model, "backend": filters.backend, "endpoint": filters.endpoint}
    said = {name: value for name, value in names.items() if value}
    [span] = await store.read(_SPAN + " AND ".join(f"{name} = ?" for name in said), *said.values())
    [fresh] = await store.read(_FRESH)
    # What is not summed up: the last hour, and whatever runs longer than that.
    begin = min(int(fresh["rolled"]), int(fresh["oldest_open"] or fresh["rolled"]))
    if span["first"] is None:
        return replace(filters, from_us=max(begin, filters.from_us or 0))
    first = replace(filters, from_us=max(min(begin, int(span["first"]) * HOUR_US), filters.from_us or 0))
    if await _any(store, replace(filters, from_us=max(begin, filters.from_us or 0))):
        return first
    end = (int(span["last"]) + 1) * HOUR_US
    return replace(first, to_us=end if filters.to_us is None else min(end, filters.to_us))


async def _any(store: Store, filters: Filters) -> bool:
    conditions = filters.conditions()
    values = [value for _, some in conditions for value in some]
    sql = f"SELECT 1 AS one FROM requests r WHERE {' AND '.join(sql for sql, _ in conditions)} LIMIT 1"
    return bool(await store.read(sql, *values))
