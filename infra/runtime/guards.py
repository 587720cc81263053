"""What stands before a function, in order: one list per endpoint, made here and printed by `aethergate check`."""

from collections.abc import Awaitable, Callable

from infra.config.objects import BODY_MAX_BYTES, Endpoint
from infra.errors import ShuttingDown
from infra.runtime.call import Call
from infra.runtime.room import find_room
from infra.runtime.subjects import endpoint_subjects

Guard = Callable[[Call], Awaitable[None]]


async def not_closing(call: Call) -> None:
    """No new work once what runs is being ended: 503 `shutting_down`."""
    if call.gateway.closing:
        raise ShuttingDown("The gateway is restarting, please try again.", retry_after=2)


async def api_key(call: Call) -> None:
    """A valid API key: 401, 403."""
    call.caller = await call.gateway.identity.caller(call.headers, call.address)


async def admin_key(call: Call) -> None:
    """The admin key or a session token: 401, 403."""
    actor = await call.gateway.identity.admin(call.headers, call.address)
    call.actor, call.actor_until, call.actor_claim = actor.name, actor.until, actor.claim


async def limits(call: Call) -> None:
    """Requests per window and, with the hold, tokens and concurrency: 429."""
    call.ticket = await call.gateway.limiter.admit(endpoint_subjects(call.endpoint, call.user))


async def body(call: Call) -> None:
    """The body, whole and within its limit: 413, 415."""
    await call.intake.read(call.endpoint.limits.body or BODY_MAX_BYTES)


async def room(call: Call) -> None:
    """A place in the queue of the model: 503 `overloaded` at once where there is none. A repeated request is looked up
    first, it needs no place."""
    if "idempotency-key" not in call.headers:
        find_room(call)


def guards_of(endpoint: Endpoint) -> tuple[Guard, ...]:
    """The guards of an endpoint, in the order in which they are asked."""
    match endpoint.access:
        case "key":
            return (not_closing, api_key, limits, body, room)
        case "admin":
            return (admin_key, body)
        case "open":
            return (body,)
