"""The house at a glance."""

from quart import Response

from functions.admin_overview.schema import days, shown
from infra.runtime.call import Call
from infra.store.clock import now_us


async def handle(call: Call) -> Response:
    """Sums over UTC days, today's part included. Raises BadRequest."""
    wanted = days(call)
    return call.answer(shown(await call.gateway.journal.overview(wanted, now_us()), wanted, call.gateway))
