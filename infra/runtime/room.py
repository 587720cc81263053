"""The refusal of a request for which no queue has room, before anything else is done for it.

Under far more clients than the backends carry most requests end here, in one go and without a turn of the event loop,
so that each hears at once when to come again.
"""

from typing import TYPE_CHECKING

import msgspec

from infra.errors import GatewayError, Overloaded
from infra.metering.ask import Ask
from infra.runtime.market import meters_of
from infra.runtime.tiers import rank_of, tier_of

if TYPE_CHECKING:
    from infra.runtime.call import Call


class _Said(msgspec.Struct):
    """What of a body matters here; the rest is for the function to judge."""

    model: str
    service_tier: str | None = None
    stream: bool = False


_DECODER = msgspec.json.Decoder(_Said)


SIZE_MAX = 65_536
"""Bytes of a body up to which it is looked at here even while nobody waits."""


def find_room(call: "Call") -> None:
    """Counts the call as on its way to its model's backends. Raises Overloaded; where something else is wrong with the
    call, that comes first, and the function says it."""
    gateway, meters = call.gateway, meters_of(call.endpoint)
    if meters is None or call.method != "POST" or (len(call.intake.body) > SIZE_MAX and not gateway.pool.crowded):
        return
    try:
        said = _DECODER.decode(call.intake.body)
        tier = tier_of(said.service_tier, gateway.manifest.gateway)
        offer = gateway.catalogue.offer(said.model, call.endpoint, meters)
    except (GatewayError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    caller = call.user
    if caller.models is not None and offer.id not in caller.models:
        return
    who = caller.user_id, caller.weight, rank_of(caller, tier)
    try:
        call.came = gateway.pool.expect(offer.targets, *who, spare=offer.fallback is not None)
    except Overloaded:
        call.ask, call.tier = Ask("chat", offer.id, {}, stream=said.stream), tier  # for the journal
        raise
    except GatewayError:
        return  # no backend is up: another model may serve, the relay knows
