"""Another price on old requests is what billing each of them anew would have given, to the nano."""

import json
import random

import pytest

from infra.journal.preview import TooDear, preview
from infra.metering.price import PriceList, Units, cost_nano
from infra.store.database import Store
from infra.store.models import Request
from tests.infra.journal.conftest import NOW, Log

FACTORS = (1_000_000, 1_500_000, 500_000, 333_333, 999_999_999, 0)


async def filled(log: Log) -> list[tuple[Request, Units]]:
    rng, found = random.Random(5), []
    for _ in range(60):
        sent, got = rng.randrange(100_000), rng.randrange(20_000)
        units = Units(input=sent, output=got, cached=sent // rng.choice((1, 3, 10**9)), reasoning=got // 4, request=1)
        said = {name: value for name in Units.__dataclass_fields__ if (value := getattr(units, name))}
        row = await log(
            units_json=json.dumps(said), charged=rng.randrange(10**9), price_factor_ppm=rng.choice(FACTORS),
            endpoint=rng.choice("ab"), input_tokens=sent, output_tokens=got,
        )  # fmt: skip
        found.append((row, units))
    await log(state="VOID", status=502)
    await log(created_us=NOW - 10, charged=77)
    return found


@pytest.mark.parametrize(
    "prices",
    [
        PriceList(input=1_000_000_000, output=2_000_000_001),
        PriceList(input=37_500_001, output=1, cached=0, reasoning=999_999_999_999),
        PriceList(input=1, request=12_345_678_901),
        PriceList(input=0, output=0),
        PriceList(input=333, output=777, cached=111, reasoning=1),
    ],
)
async def test_a_preview_is_exact_with_every_rounding_and_factor(store: Store, log: Log, prices: PriceList) -> None:
    rows = await filled(log)
    for endpoint, not_at in ((None, []), ("a", []), (None, ["a"])):
        kept = [(r, u) for r, u in rows if r.endpoint == endpoint or (endpoint is None and r.endpoint not in not_at)]
        found = await preview(store, "m", prices, NOW, endpoint, not_at)
        assert found.requests == len(kept)
        assert found.charged_nano == sum(row.charged for row, _ in kept)
        assert found.would_be_nano == sum(cost_nano(prices, units, row.price_factor_ppm) for row, units in kept)
        assert found.input_tokens == sum(units.input for _, units in kept)


async def test_nothing_sold_is_zero_and_a_price_beyond_counting_is_refused(store: Store, log: Log) -> None:
    assert (await preview(store, "m", PriceList(input=1), NOW, None, [])).would_be_nano == 0
    await filled(log)
    with pytest.raises(TooDear):
        await preview(store, "m", PriceList(input=2**62, output=2**62), NOW, None, [])
