"""What stands before a function, in order: one list per endpoint, made here and printed by `aethergate check`."""

from collections.abc import Awaitable, Callable

from infra.config.objects import BODY_MAX_BYTES, Endpoint, Limits
from infra.errors import ShuttingDown
from infra.limits.limiter import Subject
from infra.runtime.call import Call

Guard = Callable[[Call], Awaitable[None]]


async def not_closing(call: Call) -> None:
    """No new work while the gateway drains: 503 `shutting_down`."""
    if call.gateway.closing:
        raise ShuttingDown("The gateway is restarting, please try again.", retry_after=2)


async def api_key(call: Call) -> None:
    """A valid API key: 401, 403."""
    call.caller = await call.gateway.identity.caller(call.headers, call.address)


async def admin_key(call: Call) -> None:
    """The admin key or a session token: 401, 403."""
    call.actor = (await call.gateway.identity.admin(call.headers, call.address)).name


async def limits(call: Call) -> None:
    """Requests per window and, with the hold, tokens and concurrency: 429."""
    call.ticket = call.gateway.limiter.admit(subjects(call))


async def body(call: Call) -> None:
    """The body, whole and within its limit: 413, 415."""
    await call.intake.read(call.endpoint.limits.body or BODY_MAX_BYTES)


def guards_of(endpoint: Endpoint) -> tuple[Guard, ...]:
    """The guards of an endpoint, in the order in which they are asked."""
    match endpoint.access:
        case "key":
            return (not_closing, api_key, limits, body)
        case "admin":
            return (admin_key, body)
        case "open":
            return (body,)


def subjects(call: Call) -> list[Subject]:
    """Everybody whose limits this call counts in: its key, its user, the endpoint for this key and for all."""
    endpoint, caller = call.endpoint, call.user
    found = [
        Subject(f"key {caller.key_id}", caller.key_limits, "this key"),
        Subject(f"user {caller.user_id}", caller.user_limits, "this user"),
        Subject(f"endpoint {endpoint.name} key {caller.key_id}", endpoint.limits, "this endpoint for one key"),
    ]
    if endpoint.limits.total is not None:
        found.append(Subject(f"endpoint {endpoint.name}", endpoint.limits.total, "this endpoint for all callers"))
    return [subject for subject in found if _limits_something(subject.limits)]


def _limits_something(limits: Limits) -> bool:
    return limits.requests is not None or limits.tokens is not None or limits.concurrent is not None
