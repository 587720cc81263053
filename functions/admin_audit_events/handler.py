"""The audit log."""

from quart import Response

from functions.admin_audit_events.schema import FIELDS, conditions
from infra.journal import views
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """A page of events. Raises BadRequest."""
    query = Query(call, *FIELDS)
    page = await call.gateway.journal.events(conditions(query), query.text("cursor"), query.limit())
    return call.answer(views.listing(map(views.audit_event, page.rows), page.next))
