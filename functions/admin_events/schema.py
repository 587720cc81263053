"""When a stream of events says something though nothing happens, and when it ends."""

import time

from infra.live.events import encoded
from infra.runtime.call import Call

HEARTBEAT_SECONDS = 10.0
NOBODY_LISTENS = b""
"""The body of the answer to HEAD."""
FOREVER = 10.0**9


def seconds_left(call: Call) -> float:
    """Until the session ends by whose token the stream was opened; the admin key has no end."""
    if call.actor_until is None:
        return FOREVER
    handed_back = call.actor_claim is not None and call.gateway.identity.session_ended(call.actor_claim)
    return 0 if handed_back else call.actor_until - time.time()


def ending(why: str) -> bytes:
    """The last event: `session_expired` or `shutting_down`."""
    return encoded("end", {"why": why})
