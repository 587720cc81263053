"""What gateway.yaml put where, and whether it serves."""

import asyncio

from quart import Response

from functions.admin_endpoints.schema import Nothing, shown
from infra.journal import views
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, NotFound 404 for an endpoint that this process does not serve."""
    Query(call)
    if call.method != "POST":
        return await show_all(call)
    # An admin who leaves in the middle stops neither the reload nor its line in the audit log.
    return await asyncio.shield(call.gateway.spawn(reload(call), name=f"admin-{call.id}"))


async def show_all(call: Call) -> Response:
    """GET /admin/endpoints: every function of this process, in the order of gateway.yaml."""
    hour = await call.gateway.journal.recently.of_endpoints()
    return call.answer(views.listing(shown(function, hour) for function in call.gateway.functions))


async def reload(call: Call) -> Response:
    """POST /admin/endpoints/{name}/reload."""
    await call.read(Nothing)
    function = await call.gateway.reload_function(call.params["name"])
    await call.gateway.live.tell_others("reload", endpoint=function.endpoint.name)
    await call.audit("endpoint.reload", function.endpoint.name, None, {"error": function.error})
    return call.answer(shown(function, await call.gateway.journal.recently.of_endpoints()))
