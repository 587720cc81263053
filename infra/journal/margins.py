"""What electricity the answers of each backend and model cost, beside what they earned.

A machine draws its watts while at least one request runs on it; that time is in the sums (`speed_days`, with no model).
What a backend's electricity cost is shared among its models by the time that their requests took. Whole nano-units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.config.objects import Backend
from infra.rollups.figures import DAY_US, Figures
from infra.rollups.speeds import merged, percentile, read_marks
from infra.store.database import Store
from infra.units import MILLION

_KWH = 3_600_000_000 * 1_000
"""Microseconds × watts in a kWh."""


@dataclass(frozen=True, slots=True)
class Margin:
    """One model on one backend; None where it cannot be told. Amounts are nano-units."""

    backend: str
    model: str
    watts: int | None
    figures: Figures
    tokens_per_second: float | None
    """Half of its streams were faster."""
    busy_us: int
    """Its share of the time in which the backend worked."""
    cost: int | None

    @property
    def tokens(self) -> int:
        """What is sold by the million: output, or input where there is no output (embeddings)."""
        return self.figures.output_tokens or self.figures.input_tokens

    @property
    def margin(self) -> int | None:
        """What is left of the revenue."""
        return None if self.cost is None else self.figures.revenue_nano - self.cost

    def per_million(self, nano: int | None) -> int | None:
        """An amount for a million tokens, rounded up."""
        return None if nano is None or not self.tokens else -(-nano * MILLION // self.tokens)


async def margins(store: Store, backends: Mapping[str, Backend], kwh_nano: int | None, since_us: int) -> list[Margin]:
    """Of whole UTC days since then, as far as they are summed up; the most revenue first."""
    day = since_us // DAY_US
    rows = await store.read(
        "SELECT backend, model, SUM(requests) AS requests, SUM(errors) AS errors, SUM(revenue) AS revenue,"
        " SUM(input_tokens) AS input_tokens, SUM(output_tokens) AS output_tokens FROM usage_hours"
        " WHERE hour >= ? AND backend <> '' GROUP BY backend, model ORDER BY SUM(revenue) DESC, backend, model",
        day * 24,
    )
    took, rates = await _worked(store, day)
    found = []
    for row in rows:
        name, model = str(row["backend"]), str(row["model"])
        backend = backends.get(name)
        watts = backend.watts if backend is not None else None
        whole = sum(us for (where, what), us in took.items() if where == name and what)
        busy = took.get((name, ""), 0) * took.get((name, model), 0) // whole if whole else 0
        cost = None if watts is None or kwh_nano is None else -(-busy * watts * kwh_nano // _KWH)
        rate = percentile(merged(rates.get((name, model), [])), 0.5)
        found.append(Margin(name, model, watts, Figures.of(row), rate and rate / 1000, busy, cost))
    return found


async def _worked(store: Store, day: int) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], list[Any]]]:
    """By backend and model: the time that its requests took (of no model: that the backend was busy), and its rates."""
    took: dict[tuple[str, str], int] = {}
    rates: dict[tuple[str, str], list[Any]] = {}
    for row in await store.read("SELECT model, backend, busy_us, rate_json FROM speed_days WHERE day >= ?", day):
        place = str(row["backend"]), str(row["model"])
        took[place] = took.get(place, 0) + int(row["busy_us"])
        rates.setdefault(place, []).append(read_marks(row["rate_json"]))
    return took, rates
