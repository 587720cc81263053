"""Sums over the request log are exact integers on both databases, and days are UTC."""

import pytest

from infra.journal.journal import Journal
from infra.rollups.figures import Figures
from tests.infra.journal.conftest import DAY, NOW, Log

HUGE = 4_000_000_000_000_000_000
"""Two of them just fit an int64; a double cannot tell their sum from its neighbours."""


async def test_an_empty_house_has_zeros_everywhere(journal: Journal) -> None:
    found = await journal.overview(7, NOW)
    assert (found.now.figures, found.now.active_users) == (Figures(), 0)
    assert (found.previous.figures, found.previous.active_users) == (Figures(), 0)
    assert (found.by_day, found.by_model, found.by_user) == ([], [], [])
    assert (found.users, found.keys, found.balance_nano, found.held_nano) == (2, 2, 10_000_000_000, 14)


async def test_the_overview_sums_by_day_model_and_user(journal: Journal, log: Log) -> None:
    await log("ada", model="a", charged=100, refunded=30, input_tokens=5, output_tokens=7)
    await log("bob", model="b", charged=1_000, status=502, created_us=NOW - DAY)
    await log("bob", model="a", charged=0, status=499, state="VOID", created_us=NOW - DAY)
    found = await journal.overview(2, NOW)
    assert found.now.figures == Figures(requests=3, revenue_nano=1_070, errors=1, input_tokens=5, output_tokens=7)
    assert found.now.active_users == 2
    assert [(day, each.revenue_nano, each.requests) for day, each in found.by_day] == [
        ("2024-10-03", 1_000, 2),
        ("2024-10-04", 70, 1),
    ]
    assert [(name, each.revenue_nano) for name, each in found.by_model] == [("b", 1_000), ("a", 70)]
    assert [(name, each.requests) for name, each in found.by_user] == [("bob", 2), ("ada", 1)]


async def test_periods_are_utc_days_and_the_one_before_ends_at_the_same_time_of_day(journal: Journal, log: Log) -> None:
    midnight = NOW - NOW % DAY
    await log(created_us=midnight, charged=1)
    await log(created_us=midnight - 1, charged=10)
    await log(created_us=NOW - DAY, charged=100)
    await log(created_us=NOW - DAY + 1, charged=1_000)
    await log(created_us=midnight - DAY, charged=10_000)
    await log(created_us=midnight - DAY - 1, charged=100_000)
    found = await journal.overview(1, NOW)
    assert found.now.figures.revenue_nano == 1
    assert found.previous.figures.revenue_nano == 10_100
    assert found.previous.figures.requests == 2


async def test_amounts_are_added_without_a_float(journal: Journal, log: Log) -> None:
    await log(charged=HUGE + 1)
    await log(charged=HUGE + 2)
    found = await journal.overview(1, NOW)
    assert found.now.figures.revenue_nano == 2 * HUGE + 3


async def test_usage_by_day_model_and_key_is_the_users_own_alone(journal: Journal, log: Log) -> None:
    await log("ada", model="a", charged=5)
    await log("ada", model="a", charged=6)
    await log("ada", model="b", charged=1, created_us=NOW - DAY, key_id="other")
    await log("ada", model="b", charged=9, created_us=NOW - 3 * DAY)
    await log("bob", model="a", charged=100)
    rows = await journal.usage_of("user_ada", NOW - 2 * DAY)
    assert [(row.day, row.model, row.figures.revenue_nano, row.figures.requests) for row in rows] == [
        ("2024-10-04", "a", 11, 2),
        ("2024-10-03", "b", 1, 1),
    ]
    by_key = await journal.usage_by_key("user_ada", NOW - 2 * DAY)
    assert {name: each.revenue_nano for name, each in by_key.items()} == {"key_ada": 11, "other": 1}


@pytest.mark.parametrize("days", [1, 7, 30])
async def test_sums_alone_are_those_of_the_overview(journal: Journal, log: Log, days: int) -> None:
    for age, charged in enumerate((3, 50, 700, 9_000)):
        await log("ada", charged=charged, output_tokens=age, created_us=NOW - age * age * 3 * DAY)
    whole, alone = await journal.overview(days, NOW), await journal.sums(days, NOW)
    assert whole.now.figures.requests
    assert (alone.now.figures, alone.previous.figures) == (whole.now.figures, whole.previous.figures)
    assert (alone.now.active_users, alone.by_day, alone.by_user) == (None, [], [])
    assert (alone.users, alone.balance_nano, alone.held_nano) == (whole.users, whole.balance_nano, whole.held_nano)
