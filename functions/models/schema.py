"""A model as callers see it: OpenAI's four fields, and what one wants to know before using it."""

from typing import TYPE_CHECKING, Any

from infra.backends.state import BackendState
from infra.catalogue.offer import Offer
from infra.errors import ModelUnknown
from infra.metering.price import PriceList
from infra.store.clock import SECOND_US
from infra.units import price_decimal, show_factor

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway
    from infra.runtime.market import Ware


def unknown(model_id: str) -> ModelUnknown:
    """In the words of OpenAI and of the endpoints that sell."""
    return ModelUnknown(f"The model {model_id[:200]!r} does not exist or you do not have access to it.", param="model")


def shown(ware: "Ware", gateway: "Gateway") -> dict[str, Any]:
    """Prices are exact decimals as text, per single unit of each meter; where an endpoint has its own, that too."""
    offer, currency = ware.offer, gateway.manifest.gateway.currency
    states, tiers = _states(offer, gateway), gateway.manifest.gateway.service_tiers
    paths = {route.path: at.price for endpoint, at in ware.places for route in endpoint.routes}
    return {
        "id": ware.id,
        "object": "model",
        "created": offer.created_us // SECOND_US,
        "owned_by": "aethergate",
        "context_length": offer.context or _context(offer, states),
        "max_output": offer.max_output,
        "pricing": _pricing(offer.price, currency),
        "endpoint_pricing": {path: _pricing(own, currency) for path, own in paths.items() if own != offer.price},
        "service_tiers": {name: show_factor(tier.factor_ppm) for name, tier in tiers.items()},
        "capabilities": sorted(_abilities(offer, states)),
        "endpoints": list(paths),
    }


def _states(offer: Offer, gateway: "Gateway") -> dict[str, BackendState]:
    wanted = {target.backend for target in offer.targets}
    return {state.name: state for state in gateway.pool.states() if state.name in wanted}


def _abilities(offer: Offer, states: dict[str, BackendState]) -> set[str]:
    """What some backend of the model says that it can."""
    return {
        ability
        for target in offer.targets
        if (state := states.get(target.backend))
        for ability in state.abilities.get(target.upstream, state.capabilities)
    }


def _context(offer: Offer, states: dict[str, BackendState]) -> int | None:
    """What every backend of the model can take, as far as they say."""
    found = [
        size
        for target in offer.targets
        if (state := states.get(target.backend)) and (size := state.contexts.get(target.upstream) or state.context)
    ]
    return min(found, default=None)


def _pricing(prices: PriceList, currency: str) -> dict[str, str]:
    return {**{meter: f"{price_decimal(nano):f}" for meter, nano in prices.to_json().items()}, "currency": currency}
