"""The lines of a bill add up to the bill."""

from hypothesis import given
from hypothesis import strategies as st

from infra.journal.bill import cost_lines
from infra.metering.price import PriceList, Units, cost_nano

PRICES = st.none() | st.integers(0, 10**12)
COUNTS = st.integers(0, 10**7)


@given(
    st.builds(PriceList, input=PRICES, output=PRICES, cached=PRICES, reasoning=PRICES, request=PRICES),
    COUNTS, COUNTS, COUNTS, COUNTS, st.integers(0, 1), st.integers(0, 10**9),
)  # fmt: skip
def test_the_lines_add_up_to_what_is_charged(
    prices: PriceList, sent: int, produced: int, cached: int, reasoning: int, request: int, factor: int
) -> None:
    units = Units(
        input=sent, output=produced, cached=min(sent, cached), reasoning=min(produced, reasoning), request=request
    )
    lines = cost_lines(units, prices, factor)
    assert sum(line["amount_nano"] for line in lines) == cost_nano(prices, units, factor)
    assert all(line["amount_nano"] >= 0 and line["units"] > 0 for line in lines)


def test_fractions_of_a_nano_are_rounded_once_over_the_bill_and_not_per_line() -> None:
    prices = PriceList(input=37_500_000, output=37_500_000, cached=0)
    lines = cost_lines(Units(input=2, cached=1, output=1), prices)
    assert [(line["meter"], line["price"], line["amount_nano"]) for line in lines] == [
        ("input", "0.0375/1M", 38),
        ("cached", "0.00/1M", 0),
        ("output", "0.0375/1M", 37),
    ]


def test_a_meter_without_a_price_is_no_line_but_a_part_is_one_at_the_price_of_its_whole() -> None:
    prices = PriceList(input=1_000_000_000)
    lines = cost_lines(Units(input=3, cached=2, request=1), prices)
    assert [(line["meter"], line["amount_nano"]) for line in lines] == [("input", 1_000), ("cached", 2_000)]
