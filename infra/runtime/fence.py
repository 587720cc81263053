"""Ends what a process may not go on with: it lost touch with the database, and others may have its slots by now."""

from typing import TYPE_CHECKING

from infra.errors import Overloaded

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway


def end_lapsed(gateway: "Gateway") -> None:
    """Every request at a backend that others share, under a lease that has run out, ends with an error and is billed as
    if the backend had died. It may be called again while they end."""
    because = Overloaded("The gateway was cut off for a while and had to end this answer. Please try again.")
    for relay in list(gateway.relays.values()):
        seat = relay.sending.seat
        if relay.sending.sent and seat is not None and seat.contested:
            gateway.spawn(relay.leave(because=because), name=f"fence-{relay.call.id}")
