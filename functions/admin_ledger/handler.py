"""Entries, top-ups, adjustments, refunds, audit."""

from quart import Response

from functions.admin_ledger.following import followed
from functions.admin_ledger.schema import (
    NewAdjustment,
    NewRefund,
    NewTopUp,
    adjustment,
    moved,
    refund,
    reported,
    top_up,
)
from infra.journal import views
from infra.ledger.audit import audit
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """By the last word of the path. Raises BadRequest 400, NotFound 404, Conflict 409."""
    return await DO.get(call.path.rpartition("/")[2], entries)(call)


async def entries(call: Call) -> Response:
    """GET /admin/ledger?user=&limit=&cursor=."""
    query = Query(call, "user", "limit", "cursor")
    wanted = query.text("user")
    user_id = (await call.gateway.identity.users.find(wanted)).id if wanted else None
    page = await call.gateway.journal.entries(user_id, query.text("cursor"), query.limit())
    return call.answer(views.listing(map(views.entry, page.rows), page.next))


async def topups(call: Call) -> Response:
    """POST /admin/ledger/topups."""
    return call.answer(await moved(call, await top_up(call, await call.read(NewTopUp))))


async def adjustments(call: Call) -> Response:
    """POST /admin/ledger/adjustments."""
    return call.answer(await moved(call, await adjustment(call, await call.read(NewAdjustment))))


async def refunds(call: Call) -> Response:
    """POST /admin/ledger/refunds."""
    return call.answer(await moved(call, refund(call, await call.read(NewRefund))))


async def proof(call: Call) -> Response:
    """GET /admin/ledger/audit?reprice=1&progress=1."""
    query = Query(call, "reprice", "progress")
    reprice = query.flag("reprice")
    if query.flag("progress") and call.method == "GET":
        return followed(call, reprice=reprice)
    return call.answer(reported(await audit(call.gateway.store, reprice=reprice)))


DO = {"topups": topups, "adjustments": adjustments, "refunds": refunds, "audit": proof}
