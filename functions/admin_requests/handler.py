"""The request log for the owner."""

from quart import Response

from functions.admin_requests.schema import FIELDS, filters
from infra.errors import NotFound
from infra.journal import views
from infra.journal.bill import itemised
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """A page of requests, or one with its bill. Raises BadRequest, NotFound."""
    return await (_one(call) if "id" in call.params else _page(call))


async def _page(call: Call) -> Response:
    query = Query(call, *FIELDS)
    page = await call.gateway.journal.page(await filters(call, query), query.text("cursor"), query.limit())
    return call.answer(views.listing(map(views.request, page.rows), page.next))


async def _one(call: Call) -> Response:
    Query(call)
    line = await call.gateway.journal.get(call.params["id"])
    if line is None:
        raise NotFound(f"There is no request {call.params['id'][:80]!r}.")
    return call.answer({**views.request(line), "cost": await itemised(line)})
