"""The backends as the owner sees them."""

from quart import Response

from functions.admin_backends.schema import backend
from infra.journal import views
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Every backend; after a look at each of them where that is asked for. Raises BadRequest."""
    Query(call)
    if call.method == "POST":
        await call.gateway.pool.probe_all()
    return call.answer(views.listing(map(backend, call.gateway.pool.states())))
