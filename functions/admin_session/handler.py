"""Opening and ending a session of the control room."""

import asyncio

from quart import Response

from functions.admin_session.schema import Nothing, ended, view
from infra.errors import AdminRequired, BadRequest
from infra.identity.identity import SESSION_ACTOR
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, AdminRequired 403."""
    return await (end(call) if call.method == "DELETE" else begin(call))


async def begin(call: Call) -> Response:
    """POST /admin/session. A token that stands for the admin key; the audit log says from where it was asked for.

    Raises BadRequest 400, AdminRequired 403 for a session: a stolen token must not live on by asking for the next.
    """
    await call.read(Nothing)
    if call.actor == SESSION_ACTOR:
        raise AdminRequired("A session cannot open another one: this takes the admin key itself.")
    call.secret_answer = True
    token, expires_at = call.gateway.identity.session()
    await call.audit("session.open", call.actor, after={"expires_at": expires_at})
    return call.answer(view(token, expires_at))


async def end(call: Call) -> Response:
    """DELETE /admin/session: the token that says so is refused from now on. Raises BadRequest for the admin key."""
    Query(call)
    if call.actor_claim is None:
        raise BadRequest("The admin key is no session: DELETE /admin/session ends the one whose token it is sent with.")
    # Who signs out need not wait for the answer.
    await asyncio.shield(call.gateway.spawn(_end(call, call.actor_claim), name=f"admin-{call.id}"))
    return call.answer(ended())


async def _end(call: Call, claim: str) -> None:
    await call.gateway.identity.end_session(claim)
    await call.audit("session.end", call.actor)
