"""The refusal of a request for which no queue has room, before anything else is done for it.

Under far more clients than the backends carry most requests end here, in one go and without a turn of the event loop,
so that each hears at once when to come again.
"""

from typing import TYPE_CHECKING

import msgspec

from infra.errors import GatewayError
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


def refusal(call: "Call") -> GatewayError | None:
    """The 503 for this call; None where there is room, or where something else is wrong with it that comes first."""
    gateway, meters = call.gateway, meters_of(call.endpoint)
    if meters is None or call.method != "POST":
        return None
    try:
        said = _DECODER.decode(call.intake.body)
        tier = tier_of(said.service_tier, gateway.manifest.gateway)
        offer = gateway.catalogue.offer(said.model, call.endpoint, meters)
        if call.user.models is not None and offer.id not in call.user.models:
            return None
        caller = call.user
        found = gateway.pool.refusal(offer.targets, caller.user_id, caller.weight, rank_of(caller, tier))
    except (GatewayError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found is not None:
        call.ask, call.tier = Ask("chat", offer.id, {}, stream=said.stream), tier  # for the journal
    return found
