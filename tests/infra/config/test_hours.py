from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.config.hours import DAYS, hours, open_until, opens_at

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, BERLIN).strftime("%a %H:%M")


NIGHTS = [hours("mon-fri 18:00-08:00 Europe/Berlin")]


@pytest.mark.parametrize(
    ("moment", "closes"),
    [
        ("2026-11-26 18:00", "Fri 08:00"),  # a Thursday
        ("2026-11-27 07:59", "Fri 08:00"),
        ("2026-11-28 07:59", "Sat 08:00"),  # the night that began on Friday
        ("2026-11-28 08:00", None),
        ("2026-11-28 19:00", None),  # Saturday has no night
        ("2026-11-30 07:00", None),  # and Monday's morning is Sunday's night
        ("2026-11-30 18:00", "Tue 08:00"),
    ],
)
def test_a_range_over_midnight_belongs_to_the_day_it_begins(moment: str, closes: str | None) -> None:
    until = open_until(NIGHTS, at(moment))
    assert (until and shown(until)) == closes


def test_it_says_when_it_opens_over_a_weekend() -> None:
    assert shown(opens_at(NIGHTS, at("2026-11-28 12:00"))) == "Mon 18:00"


def test_hours_follow_the_clock_when_it_changes() -> None:
    daily = [hours("09:00-17:00 Europe/Berlin")]
    assert opens_at(daily, at("2026-03-28 20:00")) == at("2026-03-29 09:00")  # summer time began at 2:00
    assert at("2026-03-29 09:00") - at("2026-03-28 09:00") == 23 * 3600
    assert opens_at(daily, at("2026-10-24 20:00")) - at("2026-10-24 09:00") == 25 * 3600
    night = [hours("sat 22:00-06:00 Europe/Berlin")]
    until = open_until(night, at("2026-03-28 23:00"))
    assert until is not None and until - at("2026-03-28 22:00") == 7 * 3600  # a short night
    missing = [hours("sun 02:30-04:00 Europe/Berlin")]  # 2:30 does not exist that Sunday
    assert open_until(missing, at("2026-03-29 03:45")) == at("2026-03-29 04:00")


def test_several_lines_are_open_where_one_of_them_is() -> None:
    both = [hours("sat,sun 00:00-24:00 UTC"), hours("mon-fri 18:00-24:00 UTC")]
    utc = ZoneInfo("UTC")
    assert open_until(both, at("2026-11-28 03:00", utc)) == at("2026-11-29 00:00", utc)
    assert open_until(both, at("2026-11-27 12:00", utc)) is None
    assert opens_at(both, at("2026-11-27 12:00", utc)) == at("2026-11-27 18:00", utc)


@given(
    st.sampled_from(DAYS), st.sampled_from(DAYS), st.integers(0, 1439), st.integers(0, 1439),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
)  # fmt: skip
def test_open_or_opening_within_eight_days_and_open_then(
    first: str, last: str, begin: int, end: int, moment: datetime
) -> None:
    if begin == end:
        return
    text = f"{first}-{last} {begin // 60}:{begin % 60:02}-{end // 60}:{end % 60:02} America/New_York"
    found, now = [hours(text)], moment.replace(tzinfo=ZoneInfo("America/New_York")).timestamp()
    if open_until(found, now) is None:
        opens = opens_at(found, now)
        assert now < opens <= now + timedelta(days=8).total_seconds()
        short = datetime.fromtimestamp(opens, ZoneInfo("America/New_York")).hour in (1, 2, 3)
        assert open_until(found, opens) is not None or short  # a range that a change of the clock swallows
