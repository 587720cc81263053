"""Price lists and the one formula that turns units into money (docs/ledger.md, Unit and price)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from infra.units import MILLION


@dataclass(frozen=True, slots=True)
class PriceList:
    """What a model costs, in nano-units of the currency per 1,000,000 units of each meter; None is "no price set"."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    """Prompt tokens read from the backend's cache, a part of input; defaults to `input`."""
    reasoning: int | None = None
    """Thinking tokens, a part of output; defaults to `output`."""
    request: int | None = None
    image: int | None = None
    second: int | None = None
    character: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and (not isinstance(value, int) or value < 0):
                raise ValueError(f"price {field.name}: {value!r} is not a whole number of nano-units ≥ 0")

    @classmethod
    def of(cls, prices: Mapping[str, int]) -> "PriceList":
        """The list stored as JSON: {"input": 1000000000, …}; unknown meters raise TypeError."""
        return cls(**prices)

    def to_json(self) -> dict[str, int]:
        """Only the meters that have a price."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) is not None}

    def missing(self, meters: tuple[str, ...]) -> list[str]:
        """Those of `meters` that this list has no price for: a price needs every meter that the endpoint uses."""
        return [meter for meter in meters if getattr(self, meter) is None]


@dataclass(frozen=True, slots=True)
class Units:
    """What one request used. `cached` is a part of `input`, `reasoning` a part of `output`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    request: int = 0
    image: int = 0
    second: int = 0
    character: int = 0

    def __post_init__(self) -> None:
        cached, reasoning = self.cached, self.reasoning
        parts = self.input - cached, cached, self.output - reasoning, reasoning
        if min(*parts, self.request, self.image, self.second, self.character) < 0:
            raise ValueError(f"units cannot be negative: {self}")

    def lines(self) -> dict[str, int]:
        """Units per meter as they are priced: totals split into their parts, nothing counted twice."""
        return {
            "input": self.input - self.cached,
            "cached": self.cached,
            "output": self.output - self.reasoning,
            "reasoning": self.reasoning,
            "request": self.request,
            "image": self.image,
            "second": self.second,
            "character": self.character,
        }


_FALLBACK = {"cached": "input", "reasoning": "output"}


def price_of(prices: PriceList, meter: str) -> int:
    """Nano-units per 1,000,000 units that this meter is charged at; a meter without a price is free."""
    found: int | None = getattr(prices, meter)
    if found is None and meter in _FALLBACK:
        found = getattr(prices, _FALLBACK[meter])
    return found or 0


def cost_nano(prices: PriceList, units: Units, factor_ppm: int = MILLION) -> int:
    """ceil(Σ unitsᵢ × priceᵢ × factor / 1,000,000) nano-units: one rounding per request, up, by less than one nano.
    `factor_ppm`: millionths, what the request's service tier makes of the price list."""
    return rounded(sum(count * price_of(prices, meter) for meter, count in units.lines().items() if count), factor_ppm)


def rounded(total: int, factor_ppm: int) -> int:
    """Nano-units of a sum of units × prices, up."""
    return -(-total * factor_ppm // (MILLION * MILLION))


def buys(prices: PriceList, meter: str, nano: int) -> int | None:
    """How many units of `meter` an amount buys (rounded down); None where they are free."""
    each = price_of(prices, meter)
    return None if each == 0 else nano * MILLION // each
