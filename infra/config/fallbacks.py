"""Which model may stand in for which: it exists, leads to no circle, and has the same prices set."""

from collections.abc import Mapping
from typing import Protocol

from infra.config.faults import did_you_mean
from infra.metering.price import PriceList

_OPTIONAL = frozenset({"cached", "reasoning", "request"})
"""Prices that a model may do without wherever it is sold."""


class Sold(Protocol):
    """A model, as far as this is concerned."""

    @property
    def price(self) -> PriceList: ...

    @property
    def fallback(self) -> str | None: ...


def fault(model: str, fallback: str, models: Mapping[str, Sold]) -> str | None:
    """What is wrong with this fallback of `model`, in a sentence; None where it may be. `models`: those that exist."""
    if fallback not in models:
        return f'there is no model "{fallback[:80]}"{did_you_mean(fallback, models)}'
    way = [model]
    following: str | None = fallback
    while following is not None and following in models:
        way.append(following)
        if following in way[:-1]:
            return f"goes in a circle: {' → '.join(way)}"
        following = models[following].fallback
    if model in models:
        needed = tuple(meter for meter in models[model].price.to_json() if meter not in _OPTIONAL)
        missing = models[fallback].price.missing(needed)
        if missing:
            return f'"{fallback}" has no price for {" and ".join(missing)}, which {model} has; free is an explicit 0'
    return None
