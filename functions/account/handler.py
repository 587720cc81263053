"""The caller's own account."""

from quart import Response

from functions.account.schema import account, filters, since
from infra.errors import NotFound
from infra.journal import asked, views
from infra.journal.bill import itemised
from infra.journal.used import used
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.models import User


async def handle(call: Call) -> Response:
    """By the last word of the path. Raises BadRequest 400, NotFound 404."""
    return await (one(call) if "id" in call.params else DO.get(call.path.rpartition("/")[2], own)(call))


async def own(call: Call) -> Response:
    """GET /v1/account."""
    Query(call)
    user = await User.get(id=call.user.user_id)
    return call.answer(account(call, user, await call.gateway.identity.keys.all(user.id)))


async def usage(call: Call) -> Response:
    """GET /v1/account/usage?days=30: so many UTC days, today's part included."""
    days = Query(call, "days").whole("days", least=1, most=366) or 30
    journal, user_id = call.gateway.journal, call.user.user_id
    by_day, by_key = await journal.usage_of(user_id, since(days)), await journal.usage_by_key(user_id, since(days))
    return call.answer(
        used(
            call.gateway.manifest.gateway.currency, days, by_day, by_key, await call.gateway.identity.keys.all(user_id)
        )
    )


async def requests(call: Call) -> Response:
    """GET /v1/account/requests."""
    query = Query(call, *asked.FIELDS)
    page = await call.gateway.journal.page(filters(call, query), query.text("cursor"), query.limit())
    return call.answer(views.listing(map(views.own_request, page.rows), page.next))


async def one(call: Call) -> Response:
    """GET /v1/account/requests/{id}; somebody else's is answered as if it did not exist."""
    Query(call)
    line = await call.gateway.journal.get(call.params["id"])
    if line is None or line.user_id != call.user.user_id:
        raise NotFound(f"There is no request {call.params['id'][:80]!r}.")
    return call.answer({**views.own_request(line), "cost": await itemised(line)})


DO = {"usage": usage, "requests": requests}
