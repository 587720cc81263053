"""Which models can be bought, and where: the catalogue seen over all endpoints that sell."""

import sys
from collections.abc import Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.catalogue.offer import Offer
from infra.config.meters import METERS
from infra.config.objects import Endpoint

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Ware:
    """One model with the endpoints that offer it, in the order of gateway.yaml; there is at least one."""

    id: str
    places: list[tuple[Endpoint, Offer]] = field(default_factory=list)

    @property
    def offer(self) -> Offer:
        """As its first endpoint sells it."""
        return self.places[0][1]


def on_sale(gateway: "Gateway", allowed: Container[str] | None) -> dict[str, Ware]:
    """Models by id, in the catalogue's order; `allowed`: None for all."""
    found: dict[str, Ware] = {}
    for endpoint in gateway.manifest.endpoints:
        meters = meters_of(endpoint)
        for offer in gateway.catalogue.offers(endpoint, meters) if meters is not None else ():
            if allowed is None or offer.id in allowed:
                found.setdefault(offer.id, Ware(offer.id)).places.append((endpoint, offer))
    return {id: found[id] for id in gateway.catalogue.ids() if id in found}


def meters_of(endpoint: Endpoint) -> tuple[str, ...] | None:
    """What this endpoint's function bills by; None where it sells nothing. An owner's function says it by a READING in
    its handler, once that is loaded."""
    if endpoint.access != "key":
        return None
    if endpoint.function in METERS:
        return METERS[endpoint.function]
    reading = getattr(sys.modules.get(f"{endpoint.function}.handler"), "READING", None)
    return None if reading is None else tuple(reading.meters)
