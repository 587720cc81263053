"""Service tiers, as OpenAI's field `service_tier` asks for them."""

from infra.backends.queue import Rank
from infra.config.objects import DEFAULT_TIER, GatewaySettings, Tier
from infra.errors import BadRequest
from infra.identity.caller import Caller

DEFAULTS = ("auto", "default")


def tier_of(asked: str | None, settings: GatewaySettings) -> Tier:
    """The tier of a request; raises BadRequest with what is offered."""
    if asked is None or asked in DEFAULTS:
        return DEFAULT_TIER
    found = settings.service_tiers.get(asked)
    if found is None:
        offered = ", ".join(f"'{name}'" for name in (*DEFAULTS, *settings.service_tiers))
        raise BadRequest(
            f"Invalid value: '{asked[:40]}'. The service tiers that are offered here are: {offered}.",
            param="service_tier",
        )
    return found


def rank_of(caller: Caller, tier: Tier) -> Rank:
    """Where the request waits: the owner's own in front of all tiers."""
    return Rank.OWNER if caller.owner else Rank[tier.queue.upper()]
