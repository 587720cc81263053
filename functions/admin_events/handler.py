"""The stream of events for the control room."""

from collections.abc import AsyncIterator

from quart import Response

from functions.admin_events.schema import HEARTBEAT_SECONDS, NOBODY_LISTENS, ending, seconds_left
from infra.runtime import replies
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Until the client leaves, its session ends or the gateway stops. Raises BadRequest, Overloaded, ShuttingDown."""
    Query(call)
    if call.method == "HEAD":
        return replies.stream(NOBODY_LISTENS)
    watcher = call.gateway.live.watch.begin()
    call.at_end(lambda: call.gateway.live.hub.leave(watcher))

    async def events() -> AsyncIterator[bytes]:
        yield replies.comment("events follow")
        while not watcher.ended and (left := seconds_left(call)) > 0:
            yield await watcher.take(min(HEARTBEAT_SECONDS, left)) or replies.comment("nothing new")
        yield ending(watcher.ended or "session_expired")

    return replies.stream(events())
