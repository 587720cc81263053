"""How much goes through this process, per second."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.runtime.relay import Relay

RATES = ("requests_per_second", "errors_per_second", "tokens_per_second")


class Pace:
    """Counters that only go up: three additions per request."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.output_tokens = 0

    def ended(self, status: int | None, output_tokens: int) -> None:
        """A request to a model has ended. What its client cut short is no error."""
        self.requests += 1
        self.errors += status is not None and status >= 400 and status != 499
        self.output_tokens += output_tokens


class Sampler:
    """The rates between two looks; one for each who looks regularly."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._before: tuple[float, int, int, int] | None = None

    def rates(self, relays: Iterable["Relay"]) -> dict[str, float]:
        """Per second since the look before: requests and errors that ended, output tokens that came. Zeros at first."""
        running = sum(relay.meter.so_far().output for relay in relays if relay.meter.pieces)
        now = (time.monotonic(), self._pace.requests, self._pace.errors, self._pace.output_tokens + running)
        before, self._before = self._before, now
        if before is None:
            return dict.fromkeys(RATES, 0.0)
        seconds = max(now[0] - before[0], 0.001)
        # What a backend reports at the end may be less than the pieces that were counted on the way.
        return {name: round(max(0, now[i] - before[i]) / seconds, 2) for i, name in enumerate(RATES, start=1)}
