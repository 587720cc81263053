"""The request log for the owner."""

from quart import Response

from functions.admin_requests.schema import EXPORTED, FIELDS, filters
from infra.errors import NotFound
from infra.journal import views
from infra.journal.bill import itemised
from infra.journal.files import KINDS
from infra.runtime import replies
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """A page of requests, one with its bill, or all as a file. Raises BadRequest, NotFound."""
    if "id" in call.params:
        return await _one(call)
    return await (_file(call) if call.path.endswith("/export") else _page(call))


async def _page(call: Call) -> Response:
    query = Query(call, *FIELDS)
    page = await call.gateway.journal.page(await filters(call, query), query.text("cursor"), query.limit())
    return call.answer(views.listing(map(views.request, page.rows), page.next))


async def _file(call: Call) -> Response:
    """GET /admin/requests/export: streamed, so that a million rows take no more memory than a page of them."""
    query = Query(call, *EXPORTED)
    kind = KINDS[query.one_of("format", tuple(KINDS)) or "csv"]
    wanted = await filters(call, query)
    total, pages = await call.gateway.journal.export(wanted)
    return replies.download(kind.lines(pages), kind.content_type, f"requests.{kind.suffix}", total)


async def _one(call: Call) -> Response:
    Query(call)
    line = await call.gateway.journal.get(call.params["id"])
    if line is None:
        raise NotFound(f"There is no request {call.params['id'][:80]!r}.")
    return call.answer({**views.request(line), "cost": await itemised(line)})
