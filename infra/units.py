"""The units people write, read exactly once: money, prices, rates, sizes, durations.

Money is an integer of nano-units of the currency (10⁻⁹); a price is an integer of nano-units per 1,000,000 units
(docs/ledger.md, Unit and price). Every reader raises ValueError with one sentence that says what was found.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

NANO = 1_000_000_000
"""Nano-units in one unit of the currency."""
MILLION = 1_000_000
INT64_MAX = 2**63 - 1
MONEY_MAX_NANO = 9_000_000 * NANO
"""Up to here the nano-units are exact even in JSON readers that make every number a double (2⁵³); the decimal beside
them is so up to 999,999.999999999."""

SECONDS, MINUTES, HOURS, DAYS = 1, 60, 3_600, 86_400
_SPANS = {"s": SECONDS, "m": MINUTES, "h": HOURS, "d": DAYS}
_SIZES = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}


Written = Any
"""A field of a request that `decimal` reads: text, or a JSON number, which `Call.read` gives as int or Decimal with
every digit as it was sent. msgspec's own Decimal would take "5_0" and other scripts' digits for numbers."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)


def decimal(value: object) -> Decimal:
    """A finite decimal from text or a number's own text; exponents beyond ±30 are refused before any arithmetic."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise ValueError(f"{str(value)[:40]} is not a number")
    if isinstance(value, int) and abs(value) > 10**30:  # Python refuses to write very long ones
        raise ValueError("the number has too many digits")
    text = str(value).strip()
    if not isinstance(value, Decimal) and text.lower().strip("+-") in ("nan", "inf", "infinity"):
        raise ValueError(f"{text!r} is not a finite number")
    if not isinstance(value, Decimal) and not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a number, write it as 10.00")
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a number, write it as 10.00") from None
    exponent = found.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{str(value)[:40]!r} is not a finite number")
    if abs(exponent) > 30 or len(found.as_tuple().digits) > 28:
        raise ValueError("the number has too many digits")
    return found


def money(value: object) -> int:
    """Nano-units of an amount ≥ 0 with at most 9 decimals; raises ValueError."""
    return _whole(signed_money(value), "an amount cannot be negative")


def signed_money(value: object) -> int:
    """Nano-units of an amount of either sign with at most 9 decimals; raises ValueError."""
    scaled = decimal(value).scaleb(9)  # exact, where a product would round at 28 digits
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} has more than 9 decimals")
    if abs(scaled) > MONEY_MAX_NANO:
        raise ValueError(f"{value} is above the largest amount, {MONEY_MAX_NANO // NANO:,}")
    return int(scaled)


def price_per_token(value: object) -> int:
    """Nano-units per 1,000,000 units of a price per single unit, ≥ 0, at most 15 decimals; raises ValueError."""
    scaled = decimal(value).scaleb(15)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} has more than 15 decimals")
    if scaled > INT64_MAX:
        raise ValueError(f"{value} is above the largest price")
    return _whole(int(scaled), "a price cannot be negative")


_PRICE = re.compile(r"^\s*([0-9.eE+-]+)\s*/\s*(1|1K|1M)\s*$")


def price(value: object) -> int:
    """Nano-units per 1,000,000 units of a price as written in gateway.yaml: "1.00/1M", "0.002/1K", "0.01/1", or 0."""
    if value == 0 and not isinstance(value, bool):
        return 0
    match = _PRICE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is not a price: say the unit, as in "1.00/1M" (per 1, 1K or 1M)')
    return price_per_token(decimal(match[1]).scaleb({"1": 0, "1K": -3, "1M": -6}[match[2]]))


def _whole(value: int, complaint: str) -> int:
    if value < 0:
        raise ValueError(complaint)
    return value


def money_decimal(nano: int) -> Decimal:
    """The exact amount as a decimal without trailing zeros, for JSON numbers."""
    found = (Decimal(nano) / NANO).normalize()
    return found.quantize(Decimal(1)) if found == found.to_integral_value() else found


def show_money(nano: int) -> str:
    """The exact amount as text with at least two decimals: 9.999974, 10.00."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    fraction = f"{nano % NANO:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{nano // NANO}.{fraction}"


def show_price(nano_per_million: int) -> str:
    """A price as gateway.yaml writes it: 1.00/1M."""
    return f"{show_money(nano_per_million)}/1M"


def show_factor(ppm: int) -> str:
    """Millionths as the factor that gateway.yaml writes: 1.5."""
    return f"{(Decimal(ppm) / MILLION).normalize():f}"


def price_decimal(nano_per_million: int) -> Decimal:
    """The price per single unit as an exact decimal, for `price_in` and `price_out`."""
    return (Decimal(nano_per_million) / (NANO * MILLION)).normalize()


@dataclass(frozen=True, slots=True)
class Rate:
    """So many per sliding window: 60/m is Rate(60, 60)."""

    count: int
    seconds: int

    def __str__(self) -> str:
        """As it is written, and such that `rate` reads it again: it takes 12 digits and a K or M."""
        name = next((name for name, span in _SPANS.items() if span == self.seconds), f"{self.seconds}s")
        if self.count < 10**12:
            return f"{self.count}/{name}"
        letter, size = ("M", MILLION) if self.count % MILLION == 0 else ("K", 1_000)
        return f"{self.count // size}{letter}/{name}"


_RATE = re.compile(r"^\s*(\d{1,12})\s*([KM]?)\s*/\s*(?:(s|m|h|d)|sec(?:ond)?|min(?:ute)?|hour|day)\s*$")


def rate(value: object) -> Rate:
    """A rate from "60/m", "200K/m", "1000/h", "5000/d"; raises ValueError."""
    match = _RATE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is not a rate: write it as "60/m", "200K/m", "1000/h" or "5000/d"')
    count = int(match[1]) * {"": 1, "K": 1_000, "M": MILLION}[match[2]]
    if count < 1:
        raise ValueError(f"{value!r} would let nothing pass")
    letter = match[3] or str(value).split("/")[1].strip()[0]
    return Rate(count, _SPANS[letter])


_SIZE = re.compile(r"^\s*(\d{1,12})\s*([KMG]?I?B)\s*$", re.IGNORECASE)


def size(value: object) -> int:
    """Bytes from "8MB", "512KiB"; raises ValueError."""
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is not a size: write it as "8MB"')
    return int(match[1]) * _SIZES[match[2].upper()]


_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")


def duration(value: object) -> float:
    """Seconds from "500ms", "60s", "10m", "1h", "90d"; raises ValueError."""
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is not a duration: write it as "60s", "10m" or "1h"')
    return float(match[1]) * {"ms": 0.001, **_SPANS}[match[2]]


def show_duration(seconds: float) -> str:
    """A reset time as OpenAI's headers write it: 12ms, 1.5s, 6m0s, 1h0m0s."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    if seconds < MINUTES:
        return f"{round(seconds, 1):g}s"
    whole = round(seconds)
    hours, rest = divmod(whole, HOURS)
    minutes, left = divmod(rest, MINUTES)
    return f"{hours}h{minutes}m{left}s" if hours else f"{minutes}m{left}s"
