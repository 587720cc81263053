"""A model as it is sold at one endpoint."""

from dataclasses import dataclass, field

from infra.config.objects import Limits, Target
from infra.metering.price import PriceList


@dataclass(frozen=True, slots=True)
class Offer:
    """What a request needs to know of its model. The price is that of the admission, whatever changes later."""

    id: str
    targets: tuple[Target, ...]
    price: PriceList
    price_id: str
    max_output: int | None = None
    context: int | None = None
    limits: Limits = field(default_factory=Limits)
    fallback: str | None = None
    """The model that serves where all its backends are gone."""
    created_us: int = 0
    """When its first price was set, microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as the owner sees it."""

    id: str
    targets: tuple[Target, ...]
    source: str
    """"file" or "owner": who declared it."""
    price: PriceList
    price_id: str | None
    price_version: int | None
    price_source: str | None
    max_output: int | None
    context: int | None
    fallback: str | None
    limits: Limits
    """As gateway.yaml has them; nothing else sets them."""
    overrides_file: bool
    """Something here was set by the owner and differs from gateway.yaml."""
