"""Opening a session of the control room."""

from quart import Response

from functions.admin_session.schema import Nothing, view
from infra.errors import AdminRequired
from infra.identity.identity import SESSION_ACTOR
from infra.runtime.call import Call


async def handle(call: Call) -> Response:
    """A token that stands for the admin key; the audit log says from where it was asked for.

    Raises BadRequest 400, AdminRequired 403 for a session: a stolen token must not live on by asking for the next.
    """
    await call.read(Nothing)
    if call.actor == SESSION_ACTOR:
        raise AdminRequired("A session cannot open another one: this takes the admin key itself.")
    call.secret_answer = True
    token, expires_at = call.gateway.identity.session()
    await call.audit("session.open", call.actor, after={"expires_at": expires_at})
    return call.answer(view(token, expires_at))
