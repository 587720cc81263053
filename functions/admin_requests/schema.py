"""Which requests are asked for, and what one of them cost, meter by meter."""

from typing import Any

import msgspec

from infra.catalogue.prices import price_list
from infra.journal import views
from infra.journal.line import STATES, Filters, Line, status_range
from infra.metering.price import Units
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.models import PriceVersion


async def filters(call: Call, query: Query) -> Filters:
    """Raises BadRequest, and NotFound for a user or key that there is not."""
    identity, user, key = call.gateway.identity, query.text("user"), query.text("key")
    return Filters(
        user_id=(await identity.users.find(user)).id if user else None,
        key_id=(await identity.keys.find(key)).id if key else None,
        model=query.text("model"),
        endpoint=query.text("endpoint"),
        state=query.one_of("state", STATES),
        status=status_range(query.text("status")),
        from_us=query.start(),
        to_us=query.end(),
    )


async def itemised(line: Line) -> list[dict[str, Any]]:
    """The bill's lines at the price of the request's admission; empty where nothing was billed."""
    version = await PriceVersion.get_or_none(id=line.price_id) if line.price_id else None
    if version is None or line.state != "SETTLED":
        return []
    return views.cost_lines(Units(**msgspec.json.decode(line.units_json)), price_list(version))
