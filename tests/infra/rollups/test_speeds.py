"""Percentiles read from histograms are close to the exact ones, from sums and from the log alike."""

import math
import random

from infra.rollups import speeds
from infra.rollups.figures import DAY_US
from infra.rollups.roller import Roller
from infra.store.database import Store
from infra.store.models import Request
from tests.infra.journal.conftest import NOW
from tests.infra.rollups.test_rollups import fill, roll


def exact(values: list[float], share: float) -> float:
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


async def test_percentiles_are_within_four_per_cent_of_the_exact_ones(store: Store) -> None:
    await fill(400)
    await roll(store)
    since, until = NOW - 2 * DAY_US - 12_345, NOW - 6_789
    rows = await Request.filter(state__in=["SETTLED", "VOID"], created_us__gte=since, created_us__lt=until)
    first = [(row.first_byte_us - row.created_us) / 1_000 for row in rows]
    rate = [(r.output_tokens - 1) * 10**9 / (r.finished_us - r.first_byte_us) for r in rows if r.output_tokens > 1]
    marks = await speeds.over(store, since, until)
    assert (sum(marks[0].values()), sum(marks[1].values())) == (len(first), len(rate))
    for values, found in ((first, marks[0]), (rate, marks[1])):
        for share in (0.05, 0.5, 0.95):
            assert speeds.percentile(found, share) == pytest_approx(exact(values, share))


def pytest_approx(value: float) -> object:
    import pytest

    return pytest.approx(value, rel=0.04, abs=1.0)


async def test_sums_and_log_give_the_same_histogram(store: Store) -> None:
    await fill(200)
    since, until = NOW - 4 * DAY_US, NOW + DAY_US
    before = await speeds.over(store, since, until)
    await roll(store)
    assert await speeds.over(store, since, until) == before
    await Roller(store).forget()
    assert await speeds.over(store, since, until) == before


def test_a_percentile_of_nothing_is_none_and_of_small_values_exact() -> None:
    assert speeds.percentile({}, 0.5) is None
    assert speeds.percentile({7: 3, 9: 1}, 0.5) == 7
    assert speeds.percentile({7: 3, 9: 1}, 0.95) == 9


def test_every_value_lies_in_its_mark() -> None:
    rng = random.Random(1)
    for _ in range(2_000):
        value = int(10 ** rng.uniform(0, 9))
        step = 1 if value < speeds.EXACT_BELOW else 1 << (value.bit_length() - 5)
        mark = value // step * step
        middle = speeds.percentile({mark: 1}, 0.5)
        assert middle is not None
        assert abs(middle - value) <= max(1, value * 0.04)
