"""Everything that people write as text is read exactly or refused with a ValueError, whatever they write."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.units import (
    INT64_MAX,
    MONEY_MAX_NANO,
    NANO,
    Rate,
    duration,
    money,
    money_decimal,
    price,
    price_decimal,
    price_per_token,
    rate,
    show_duration,
    show_money,
    show_price,
    signed_money,
    size,
)

nanos = st.integers(0, MONEY_MAX_NANO)
READERS: list[Callable[[Any], Any]] = [money, signed_money, price, price_per_token, rate, size, duration]
almost = st.text("0123456789.eE+-/KMGBsmhd _NaIif", max_size=24)
anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | almost | st.binary()


@given(nanos)
def test_money_survives_its_text_and_its_json_number(nano: int) -> None:
    assert money(show_money(nano)) == nano
    assert money(money_decimal(nano)) == nano
    assert signed_money(show_money(-nano)) == -nano
    assert Decimal(show_money(nano)) * NANO == nano


@given(st.integers(0, 2**23 * NANO))
def test_a_json_number_that_a_double_has_carried_is_still_the_same_amount(nano: int) -> None:
    # Above 8,388,608 neighbouring doubles are 1.9 nano apart; `*_nano` is exact everywhere.
    assert money(repr(float(money_decimal(nano)))) == nano


@given(st.integers(0, INT64_MAX))
def test_a_price_survives_its_text(nano_per_million: int) -> None:
    assert price_per_token(str(price_decimal(nano_per_million))) == nano_per_million
    assert price(show_price(nano_per_million)) == nano_per_million


@given(st.integers(0, 10**9), st.sampled_from([("1", 10**15), ("1K", 10**12), ("1M", 10**9)]))
def test_a_price_is_the_same_in_every_unit(whole: int, unit: tuple[str, int]) -> None:
    name, factor = unit
    if whole * factor <= INT64_MAX:
        assert price(f"{whole}/{name}") == whole * factor


@pytest.mark.parametrize(
    "text", ["5_0", "\u0661\u0662", "\uff11", "1,000", "0x10", "1e", ".", "+", "5 0", "1__0", "٫5", ""]
)
def test_only_digits_as_everybody_writes_them_are_a_number(text: str) -> None:
    for read in (money, signed_money, price_per_token):
        with pytest.raises(ValueError, match=r"is not a number, write it as 10\.00"):
            read(text)


def test_a_number_too_long_for_python_to_write_is_refused_like_any_long_one() -> None:
    with pytest.raises(ValueError, match="too many digits"):
        money(10**5_000)


@pytest.mark.parametrize("reader", READERS)
@given(found=anything)
@example(found="1e-31")
@example(found="1e999999999")
@example(found="NaN")
@example(found="Infinity")
@example(found="-0")
@example(found="9" * 29)
def test_nothing_that_is_written_does_anything_but_a_value_error(reader: Callable[[Any], Any], found: object) -> None:
    try:
        value = reader(found)
    except ValueError as error:
        assert str(error)
        return
    if reader is signed_money:
        assert abs(value) <= MONEY_MAX_NANO
    elif isinstance(value, Rate):
        assert value.count > 0 and value.seconds > 0
    else:
        assert value >= 0


@pytest.mark.parametrize(
    ("text", "nano"),
    [("1e-06", 1_000), ("0.000000001", 1), ("10", 10 * NANO), (1e-06, 1_000), ("9000000", MONEY_MAX_NANO), ("-0", 0)],
)
def test_amounts_as_people_write_them(text: object, nano: int) -> None:
    assert money(text) == nano


@pytest.mark.parametrize(
    "text", ["-1", "1e-10", "0.0000000001", "9000000.000000001", "1e31", "", "1,5", True, None, []]
)
def test_amounts_that_are_none(text: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        money(text)


@given(st.integers(1, 10**11), st.sampled_from("smhd"))
def test_a_rate_survives_its_text(count: int, span: str) -> None:
    assert rate(str(rate(f"{count}/{span}"))) == rate(f"{count}/{span}")


@given(st.floats(0, 10**7))
def test_a_duration_is_shown_whatever_it_is(seconds: float) -> None:
    assert show_duration(seconds)[-1] in "sm"
