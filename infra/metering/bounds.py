"""How much a request can cost at most, and what a smaller hold would still buy (docs/ledger.md, How much is held)."""

from dataclasses import dataclass
from functools import lru_cache

from infra.metering.price import PriceList, Units, cost_nano, price_of, rounded
from infra.units import MILLION

OUTPUT_MAX_TOKENS = 4096
"""The longest answer where neither the caller nor the model sets a limit; without one no hold could be a bound."""
OUTPUT_LEAST_TOKENS = 16
"""A balance that does not buy the prompt and this much of each answer buys nothing."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Tokens that a request can use at most: `prompt` for all prompts, `output` for each of `answers` answers."""

    prices: PriceList
    prompt: int
    output: int
    answers: int = 1
    factor_ppm: int = MILLION
    """Millionths of the prices that the request's service tier costs."""

    def cost(self, units: Units) -> int:
        """Nano-units that a request of these bounds is billed for what it used."""
        return cost_nano(self.prices, units, self.factor_ppm)

    def want(self) -> int:
        """Nano-units that cover the request whatever it produces."""
        return self._cost(self.output)

    def least(self) -> int:
        """Nano-units below which the request is not started."""
        return self._cost(min(OUTPUT_LEAST_TOKENS, self.output))

    def _cost(self, output: int) -> int:
        # As `cost_nano` of these units would say; it is asked several times per request.
        per_input, per_output, per_request = _dearest(self.prices)
        total = self.prompt * per_input + output * self.answers * per_output + per_request
        return rounded(total, self.factor_ppm)

    def output_for(self, nano: int) -> int:
        """Tokens per answer that `nano` buys after the prompt; never more than `output`."""
        per_input, per_output, per_request = _dearest(self.prices)
        each = per_output * self.answers * self.factor_ppm
        if each == 0:
            return self.output
        spent = self.prompt * per_input + per_request
        left = nano * MILLION * MILLION - spent * self.factor_ppm
        return max(0, min(self.output, left // each))


@lru_cache(maxsize=1024)
def _dearest(prices: PriceList) -> tuple[int, int, int]:
    """Nano-units per 1,000,000 input and output tokens, and per 1,000,000 requests, at which no split into cached and
    reasoning tokens costs more than what is held."""
    return (
        max(price_of(prices, "input"), price_of(prices, "cached")),
        max(price_of(prices, "output"), price_of(prices, "reasoning")),
        price_of(prices, "request"),
    )


def output_cap(asked: int | None, model_max: int | None) -> int:
    """Tokens per answer that the backend is told: what was asked, within what the model allows."""
    allowed = model_max if model_max is not None else asked if asked is not None else OUTPUT_MAX_TOKENS
    return allowed if asked is None else min(asked, allowed)
