"""The audit log."""

from quart import Response

from functions.admin_audit_events.schema import asked
from infra.journal import views
from infra.runtime.call import Call


async def handle(call: Call) -> Response:
    """A page of events. Raises BadRequest."""
    cursor, limit = asked(call)
    page = await call.gateway.journal.events(cursor, limit)
    return call.answer(views.listing(map(views.audit_event, page.rows), page.next))
