"""What a request cost, meter by meter."""

from typing import Any

import msgspec

from infra.catalogue.prices import price_list
from infra.journal.line import Line
from infra.journal.views import money
from infra.metering.price import PriceList, Units, price_of
from infra.store.models import PriceVersion
from infra.units import MILLION, show_factor, show_price

PARTS = ("cached", "reasoning")
"""Priced as what they are a part of, where they have no price of their own."""


async def itemised(line: Line) -> list[dict[str, Any]]:
    """The bill's lines at the price of the request's admission; empty where nothing was billed."""
    version = await PriceVersion.get_or_none(id=line.price_id) if line.price_id else None
    if version is None or line.state != "SETTLED":
        return []
    units = Units(**msgspec.json.decode(line.units_json))
    return cost_lines(units, price_list(version), line.price_factor_ppm)


def cost_lines(units: Units, prices: PriceList, factor_ppm: int = MILLION) -> list[dict[str, Any]]:
    """Each priced meter that was used. The bill is rounded once, so the lines are cut from its running total: they add
    up to it exactly. `price` is the list's, `factor` what the service tier made of it."""
    found, exact, shown = [], 0, 0
    for meter, count in units.lines().items():
        if count == 0 or (meter not in PARTS and getattr(prices, meter) is None):
            continue
        price = price_of(prices, meter)
        exact += count * price * factor_ppm
        nano = -(-exact // (MILLION * MILLION)) - shown
        shown += nano
        line = {"meter": meter, "units": count, "price": show_price(price), **money("amount", nano)}
        found.append(line if factor_ppm == MILLION else {**line, "factor": show_factor(factor_ppm)})
    return found
