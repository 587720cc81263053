"""Looking at running requests, and stopping one."""

import asyncio

from quart import Response

from functions.admin_live.schema import Stop, checked, listed, outcome
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, NotFound 404 for a request that does not run (any more)."""
    if call.method != "POST":
        return await show_all(call)
    # An admin who leaves in the middle does not stop the stopping, nor its line in the audit log.
    return await asyncio.shield(call.gateway.spawn(stop(call), name=f"admin-{call.id}"))


async def show_all(call: Call) -> Response:
    """GET /admin/live."""
    Query(call)
    return call.answer(listed(await call.gateway.live.board()))


async def stop(call: Call) -> Response:
    """POST /admin/live/{id}/stop."""
    Query(call)
    reason = checked(await call.read(Stop))
    found = await call.gateway.live.stop(call.params["id"], call.actor, reason)
    await call.audit("request.stop", found["id"], None, {**found, "reason": reason})
    return call.answer(outcome(found, reason))
