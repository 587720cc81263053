"""What people write and what we write of it: each can be read back as it was."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.units import (
    INT64_MAX,
    Rate,
    money,
    money_decimal,
    price,
    price_decimal,
    price_per_token,
    rate,
    show_money,
    show_price,
    signed_money,
)

COUNTS = st.integers(1, 10**12 - 1)


@given(COUNTS, st.sampled_from(["", "K", "M"]), st.sampled_from("smhd"))
def test_every_rate_that_can_be_read_is_written_so_that_it_can_be_read_again(count: int, size: str, span: str) -> None:
    found = rate(f"{count}{size}/{span}")
    assert rate(str(found)) == found


def test_usual_rates_are_written_without_letters() -> None:
    assert str(rate("200K/m")) == "200000/m"
    assert str(Rate(60, 60)) == "60/m"


@pytest.mark.parametrize("text", ["", "60", "0/m", "-1/m", "1.5/m", "60/y", "1" * 13 + "/m", "60/m/m", 60, None, True])
def test_what_is_no_rate_is_refused_in_a_sentence(text: object) -> None:
    with pytest.raises(ValueError, match=r"rate|pass"):
        rate(text)


@given(st.integers(-9_000_000 * 10**9, 9_000_000 * 10**9))
def test_money_is_shown_exactly(nano: int) -> None:
    assert signed_money(show_money(nano)) == signed_money(money_decimal(nano)) == int(float(nano)) == nano


@given(st.integers(1 - 10**15, 10**15 - 1))
def test_below_a_million_a_reader_with_doubles_loses_nothing(nano: int) -> None:
    assert signed_money(repr(float(money_decimal(nano)))) == nano


@given(st.integers(0, INT64_MAX))
def test_prices_are_shown_exactly(nano: int) -> None:
    assert price(show_price(nano)) == price_per_token(price_decimal(nano)) == nano


def test_the_originals_per_token_prices_are_read_as_decimal_text() -> None:
    assert price_per_token(Decimal("1e-06")) == price("1.00/1M") == 1_000_000_000
    assert price_per_token("0.000002") == 2_000_000_000


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-1", "1e31", "1e-31", "0.0000000001", "9000001", "1" * 40, "", None, True, [], "1,5"]
)
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        money(value)
