"""The house at a glance."""

from quart import Response

from functions.admin_overview.schema import asked, shown
from infra.runtime.call import Call
from infra.store.clock import now_us


async def handle(call: Call) -> Response:
    """Sums over UTC days, today's part included. Raises BadRequest."""
    wanted, sums_alone = asked(call)
    journal = call.gateway.journal
    found = await (journal.sums if sums_alone else journal.overview)(wanted, now_us())
    return call.answer(shown(found, wanted, call.gateway))
