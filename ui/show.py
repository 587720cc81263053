"""Figures as people read them: thousands separators, units, changes, ages. Pure functions.

Money comes in nano-units of the currency and is never rounded where it is listed; only headlines are (`headline`).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from infra.units import NANO, price_per_token, show_money

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CHF": "CHF ", "JPY": "¥"}
UNKNOWN = "–"


def money(nano: int | None, currency: str) -> str:
    """The exact amount with at least two decimals: $1,234.50, -$0.000026, 10.00 SEK."""
    if nano is None:
        return UNKNOWN
    whole, fraction = show_money(abs(nano)).split(".")
    return _with_currency(f"{int(whole):,}.{fraction}", currency, nano < 0)


def headline(nano: int | None, currency: str) -> str:
    """The amount for a headline: two decimals from 1 on, below it three digits that count."""
    if nano is None:
        return UNKNOWN
    amount = Decimal(abs(nano)) / NANO
    places = 2 if amount >= 1 or not nano else min(9, max(2, 2 - amount.adjusted()))
    whole, fraction = f"{amount:,.{places}f}".split(".")
    return _with_currency(f"{whole}.{fraction.rstrip('0').ljust(2, '0')}", currency, nano < 0)


def compared(was: int, now: int, currency: str) -> tuple[str, str, str]:
    """Two amounts and what lies between them, to so many decimals that the three add up as they are read."""
    moved = now - was
    places = min(9, max(2, 2 - (Decimal(abs(moved)) / NANO).adjusted())) if moved else 2 if was >= NANO else 9
    unit = 10 ** (9 - places)
    first, second = (round(Decimal(each) / unit) for each in (was, now))
    shown = [_places(each, places, currency) for each in (first, second, second - first)]
    return shown[0], shown[1], ("+" if second >= first else "") + shown[2]


def _places(units: int, places: int, currency: str) -> str:
    return _with_currency(f"{Decimal(abs(units)).scaleb(-places):,.{places}f}", currency, units < 0)


def _with_currency(digits: str, currency: str, negative: bool) -> str:
    sign = "-" if negative else ""
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {currency}"


def count(number: int | None) -> str:
    """12,345."""
    return UNKNOWN if number is None else f"{number:,}"


def counted(number: int, thing: str) -> str:
    """1 request, 2,000 requests."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def compact(number: int | None) -> str:
    """12,345 as it is; from a million on 1.23 M, 4.56 B."""
    if number is None or abs(number) < 1_000_000:
        return count(number)
    for size, letter in ((10**12, "T"), (10**9, "B"), (10**6, "M")):
        if abs(number) >= size:
            return f"{number / size:,.2f} {letter}"
    return count(number)


def share(part: int, whole: int) -> str:
    """A part in per cent: 0 %, 0.4 %, 12 %; nothing of nothing is a dash."""
    if not whole:
        return UNKNOWN
    per_cent = 100 * part / whole
    return f"{per_cent:.1f} %" if 0 < per_cent < 10 else f"{per_cent:.0f} %"


def change(now: int, before: int) -> tuple[str, str]:
    """(words, tone) of a figure against the period before; tone is "up", "down" or "same"."""
    if not before:
        return "nothing before to compare with", "same"
    moved = 100 * (now - before) / before
    if abs(moved) < 0.5:
        return "unchanged", "same"
    shown = f"{moved:+,.0f} %" if abs(moved) < 10_000 else ("+" if moved > 0 else "-") + "over 10,000 %"
    return shown, "up" if moved > 0 else "down"


def per_million(per_token: object, currency: str) -> str:
    """A price per single unit as the price of a million: $1.00 / 1M."""
    if per_token is None:
        return UNKNOWN
    return f"{money(price_per_token(per_token), currency)} / 1M"


def limits(found: Mapping[str, Any] | None) -> str:
    """A user's or key's own limits in a line: requests 60/m, concurrent 4."""
    said = [f"{name} {_as_written(value)}" for name, value in (found or {}).items() if value is not None]
    return ", ".join(said) or "none of its own"


def speed(tokens_per_second: object) -> str:
    """A rate of tokens: 48 tok/s, 3.2 tok/s."""
    if tokens_per_second is None:
        return UNKNOWN
    found = float(str(tokens_per_second))
    return f"{found:,.1f} tok/s" if found < 10 else f"{found:,.0f} tok/s"


def span(milliseconds: object) -> str:
    """A duration: 850 ms, 2.4 s, 3 min 05 s."""
    if milliseconds is None:
        return UNKNOWN
    milliseconds = round(float(str(milliseconds)))
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 100_000:
        return f"{milliseconds / 1_000:.1f} s"
    minutes, seconds = divmod(milliseconds // 1_000, 60)
    return f"{minutes:,} min {seconds:02d} s"


_SIZES = ((1_000_000, "M"), (1_000, "K"))
_LIMITS = {
    "requests": "{} requests",
    "tokens": "{} tokens",
    "concurrent": "{} at once",
    "body": "body {}",
    "time": "{}",
}


def declared_limits(found: Mapping[str, Any] | None) -> str:
    """An endpoint's or model's limits in a line: 60/m requests, 200K/m tokens, 8 at once, body 8 MB, 10m."""
    said = [
        _LIMITS.get(name, name + " {}").format(_as_written(value))
        for name, value in (found or {}).items()
        if name != "total" and value
    ]
    total = (found or {}).get("total")
    return ", ".join(said + ([f"all callers together: {declared_limits(total)}"] if total else [])) or "none"


def _as_written(value: object) -> str:
    """A number of gateway.yaml as people write it there: 200K/m, 8 MB; below 10,000 with all its digits."""
    text = str(value)
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    if text == f"{digits}B" and digits:
        return f"{int(digits) / 1_000_000:,.3g} MB" if int(digits) >= 1_000_000 else f"{int(digits):,} B"
    if not digits:
        return text
    number = int(digits)
    size, letter = next((each for each in _SIZES if number >= 10_000 and number % each[0] == 0), (1, ""))
    return f"{number // size:,}{letter}{text[len(digits) :]}"
