"""What gateway.yaml put where, and whether it serves."""

from quart import Response

from functions.admin_endpoints.schema import shown
from infra.journal import views
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Every function of this process, in the order of gateway.yaml. Raises BadRequest."""
    Query(call)
    return call.answer(views.listing(map(shown, call.gateway.functions)))
