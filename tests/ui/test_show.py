"""Figures read as people write them, and never lose a nano."""

from admin_cli.commands import backends as command
from ui import show
from ui.parts.lights import standing

NANO = 10**9


def test_money_is_exact_with_thousands_and_at_least_two_decimals() -> None:
    assert show.money(1_234_567 * NANO, "USD") == "$1,234,567.00"
    assert show.money(9_999_974_000, "EUR") == "€9.999974"
    assert show.money(1, "USD") == "$0.000000001"
    assert show.money(-26_000, "USD") == "-$0.000026"
    assert show.money(10 * NANO, "SEK") == "10.00 SEK"
    assert show.money(None, "USD") == "–"


def test_a_headline_rounds_dollars_but_shows_fractions_of_a_cent() -> None:
    assert show.headline(1_234_567_890, "USD") == "$1.23"
    assert show.headline(12_345, "USD") == "$0.0000123"
    assert show.headline(500_000_000, "USD") == "$0.50"
    assert show.headline(1, "USD") == "$0.000000001"
    assert show.headline(0, "USD") == "$0.00"
    assert show.headline(-2_500 * NANO, "USD") == "-$2,500.00"


def test_amounts_that_are_compared_add_up_as_they_are_read() -> None:
    assert show.compared(1_012_400_000, 1_523_000_000, "USD") == ("$1.012", "$1.523", "+$0.511")
    assert show.compared(12_345_678_900_000, 10_000_004_999_999, "USD") == ("$12,345.68", "$10,000.00", "-$2,345.68")
    assert show.compared(10**9, 10**9 + 1_234, "EUR") == ("€1.00000000", "€1.00000123", "+€0.00000123")
    assert show.compared(0, 5, "USD") == ("$0.000000000", "$0.000000005", "+$0.000000005")
    assert show.compared(2 * NANO, 2 * NANO, "USD") == ("$2.00", "$2.00", "+$0.00")
    for was, now in ((1_005_000_000, 1_516_000_000), (999_999_999, 1_000_500_001), (7, 12_345_678_901)):
        first, second, moved = (
            float(each.replace("$", "").replace(",", "")) for each in show.compared(was, now, "USD")
        )
        assert round(first + moved, 9) == second


def test_large_numbers_are_shortened_only_from_a_million_on() -> None:
    assert show.compact(999_999) == "999,999"
    assert show.compact(1_234_567) == "1.23 M"
    assert show.compact(4_560_000_000) == "4.56 B"
    assert show.compact(None) == "–"


def test_one_thing_has_no_s() -> None:
    assert [show.counted(number, "user") for number in (0, 1, 2_000)] == ["0 users", "1 user", "2,000 users"]


def test_shares_and_changes_survive_nothing_before_and_nothing_at_all() -> None:
    assert show.share(0, 0) == "–"
    assert show.share(1, 250) == "0.4 %"
    assert show.share(0, 9) == "0 %"
    assert show.change(0, 0) == ("nothing before to compare with", "same")
    assert show.change(5, 0) == ("nothing before to compare with", "same")
    assert show.change(0, 5) == ("-100 %", "down")
    assert show.change(125, 100) == ("+25 %", "up")
    assert show.change(100, 100) == ("unchanged", "same")
    assert show.change(10**9, 1) == ("+over 10,000 %", "up")


def test_a_price_per_token_reads_as_a_price_per_million() -> None:
    assert show.per_million(0.000001, "USD") == "$1.00 / 1M"
    assert show.per_million("0.00000000015", "USD") == "$0.00015 / 1M"
    assert show.per_million(0, "USD") == "$0.00 / 1M"
    assert show.per_million(None, "USD") == "–"


def test_limits_and_durations_are_words() -> None:
    assert show.limits({"requests": "60/m", "concurrent": 4, "tokens": None}) == "requests 60/m, concurrent 4"
    assert show.limits(None) == "none of its own"
    assert [show.span(ms) for ms in (None, 0, 850, 2_449, 185_000)] == ["–", "0 ms", "850 ms", "2.4 s", "3 min 05 s"]


def test_a_process_that_keeps_slots_without_moving_is_told_with_what_helps() -> None:
    row = {"name": "one", "draining": False, "opens_at": None, "why": None}
    assert (standing(row), command._why(row)) == ("", None)
    row["standing"] = [{"pid": 4711, "slots": 2}, {"pid": 4712, "slots": 1}]
    words = "rocess 4711 stands still and keeps 2 slots; end it to free them"
    assert standing(row).startswith(f"P{words}. P") and standing(row).endswith("keeps 1 slot; end it to free them.")
    assert (command._why(row) or "").startswith(f"p{words}; p")
