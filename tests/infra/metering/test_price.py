"""The arithmetic of prices, against exact fractions: one rounding per request, up, by less than one nano."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.metering.bounds import OUTPUT_LEAST_TOKENS, Bounds, output_cap
from infra.metering.price import PriceList, Units, buys, cost_nano, price_of

METERS = ("input", "output", "cached", "reasoning", "request", "image", "second", "character")
amounts = st.integers(0, 10**12)
prices = st.builds(PriceList, **{meter: st.none() | amounts for meter in METERS})
counts = st.integers(0, 10**7)


@st.composite
def units(draw: st.DrawFn) -> Units:
    sent, produced = draw(counts), draw(counts)
    return Units(
        input=sent,
        output=produced,
        cached=draw(st.integers(0, sent)),
        reasoning=draw(st.integers(0, produced)),
        request=draw(st.integers(0, 1)),
        image=draw(counts),
        second=draw(counts),
        character=draw(counts),
    )


def exact(price: PriceList, used: Units) -> Fraction:
    """The cost as a fraction, worked out from the rules and not from the code."""
    cached = price.cached if price.cached is not None else price.input
    reasoning = price.reasoning if price.reasoning is not None else price.output
    total = (
        (used.input - used.cached) * (price.input or 0)
        + used.cached * (cached or 0)
        + (used.output - used.reasoning) * (price.output or 0)
        + used.reasoning * (reasoning or 0)
        + used.request * (price.request or 0)
        + used.image * (price.image or 0)
        + used.second * (price.second or 0)
        + used.character * (price.character or 0)
    )
    return Fraction(total, 1_000_000)


@given(prices, units())
def test_a_cost_is_the_exact_one_rounded_up_by_less_than_a_nano(price: PriceList, used: Units) -> None:
    cost = cost_nano(price, used)
    assert isinstance(cost, int)
    assert 0 <= cost - exact(price, used) < 1


@given(prices, units(), units())
def test_more_is_never_cheaper_and_splitting_a_request_never_saves(price: PriceList, one: Units, two: Units) -> None:
    both = Units(**{name: getattr(one, name) + getattr(two, name) for name in METERS})
    together, apart = cost_nano(price, both), cost_nano(price, one) + cost_nano(price, two)
    assert max(cost_nano(price, one), cost_nano(price, two)) <= together <= apart <= together + 1


@given(prices, st.sampled_from(METERS), st.integers(0, 10**15))
def test_what_an_amount_buys_costs_no_more_than_it_and_one_more_would(price: PriceList, meter: str, nano: int) -> None:
    bought = buys(price, meter, nano)
    each = price_of(price, meter)
    if bought is None:
        assert each == 0
    else:
        assert bought * each <= nano * 1_000_000 < (bought + 1) * each


@given(prices)
def test_a_price_list_survives_its_json(price: PriceList) -> None:
    assert PriceList.of(price.to_json()) == price
    assert set(price.missing(METERS)) == set(METERS) - set(price.to_json())


@given(prices, units(), st.integers(0, 100), st.integers(1, 4))
def test_no_request_within_its_bounds_costs_more_than_what_is_held(
    price: PriceList, used: Units, spare: int, answers: int
) -> None:
    per_answer = -(-used.output // answers)
    bounds = Bounds(price, used.input + spare, per_answer, answers)
    tokens = Units(used.input, used.output, used.cached, used.reasoning, request=1)
    assert cost_nano(price, tokens) <= bounds.want()
    assert bounds.least() <= bounds.want()


@given(prices, st.integers(0, 10**6), st.integers(0, 10**5), st.integers(1, 8), st.integers(0, 10**14))
def test_a_smaller_hold_pays_for_the_output_that_it_is_cut_to(
    price: PriceList, prompt: int, output: int, answers: int, nano: int
) -> None:
    bounds = Bounds(price, prompt, output, answers)
    assume(nano >= bounds.least())
    cut = bounds.output_for(nano)
    assert min(OUTPUT_LEAST_TOKENS, output) <= cut <= output
    assert Bounds(price, prompt, cut, answers).want() <= max(nano, Bounds(price, prompt, 0, answers).want())


@given(st.none() | st.integers(1, 10**6), st.none() | st.integers(1, 10**6))
def test_the_cap_is_within_what_is_asked_and_what_the_model_allows(asked: int | None, allowed: int | None) -> None:
    cap = output_cap(asked, allowed)
    assert cap > 0
    assert asked is None or cap <= asked
    assert allowed is None or cap <= allowed


@pytest.mark.parametrize("wrong", [-1, 1.5, "3", float("nan")])
def test_a_price_is_a_whole_number_of_nano_that_is_not_negative(wrong: object) -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        PriceList(input=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"input": -1}, {"input": 1, "cached": 2}, {"output": 1, "reasoning": 2}])
def test_units_are_not_negative_and_a_part_is_not_more_than_its_whole(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        Units(**wrong)
