"""The single values of gateway.yaml: numbers, names, prices, rates, sizes, durations, addresses."""

import ipaddress
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from infra import units
from infra.config.faults import Place, nearest
from infra.config.hours import EXAMPLE, PATTERN, Hours, hours
from infra.config.kinds import Leaf
from infra.config.nodes import Scalar, kind, show
from infra.config.urls import database_url

DURATION_MAX_SECONDS = 366 * units.DAYS


def _text(value: Scalar) -> str:
    if kind(value) != "text" and not value.variable:
        raise ValueError(f'{value.text} is read as a number or word of YAML: put it in quotes, "{value.text}"')
    return value.text


def word(what: str, pattern: str, maximum: int = 200) -> Leaf:
    """Text that matches the whole pattern."""
    compiled = re.compile(pattern)

    def convert(value: Scalar, _place: Place) -> str:
        text = _text(value)
        if not compiled.fullmatch(text) or len(text) > maximum:
            raise ValueError(f"{show(value)} is not {what}")
        return text

    return Leaf(what, convert, {"type": "string", "pattern": f"^{pattern}$", "maxLength": maximum})


def choice(*words: str) -> Leaf:
    """One of these words."""

    def convert(value: Scalar, _place: Place) -> str:
        if value.text not in words:
            raise ValueError(f"{show(value)} is not one of {', '.join(words)}{nearest(value.text, words)}")
        return value.text

    return Leaf(" or ".join(words), convert, {"enum": list(words)})


def whole(what: str, least: int, most: int) -> Leaf:
    """A whole number in plain digits."""

    def convert(value: Scalar, _place: Place) -> int:
        if kind(value) != "int" or len(value.text) > 18:
            raise ValueError(f"{show(value)} is not a whole number ({what})")
        if not least <= int(value.text) <= most:
            raise ValueError(f"{value.text} is not between {least} and {most:,} ({what})")
        return int(value.text)

    return Leaf(what, convert, {"type": "integer", "minimum": least, "maximum": most})


def _unit(what: str, pattern: str, read: Callable[[object], Any]) -> Leaf:
    """Text with a unit, read by infra.units; the sentence of its ValueError is the fault."""

    def convert(value: Scalar, _place: Place) -> Any:
        if not value.text.isascii():
            raise ValueError(f"{show(value)} is not {what}")
        return read(value.text)

    return Leaf(what, convert, {"type": "string", "pattern": pattern})


def _price(value: Scalar, _place: Place) -> int:
    zero = kind(value) in ("int", "float") and not re.search("[1-9]", value.text)
    if not zero and kind(value) in ("int", "float"):
        raise ValueError(f'{show(value)} is a bare number: say the unit, as in "{value.text}/1M" (per 1, 1K or 1M)')
    return 0 if zero else units.price(value.text)


def _duration(value: object) -> float:
    seconds = units.duration(value)
    if not 0 < seconds <= DURATION_MAX_SECONDS or not math.isfinite(seconds):
        raise ValueError(f"{str(value)[:40]} is not between 1ms and 366d")
    return seconds


def _size(value: object) -> int:
    found = units.size(value)
    if found < 1:
        raise ValueError(f"{value!r} would let nothing pass")
    return found


def _keep(value: object) -> float:
    if not re.fullmatch(_KEEP, str(value)):
        raise ValueError(f"{str(value)[:40]} is not a time to keep requests for: write days, at least 7, as in 90d")
    return units.duration(value)


def _amount(value: Scalar, _place: Place) -> int:
    """Nano-units."""
    if kind(value) not in ("int", "float") or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", value.text):
        raise ValueError(f"{show(value)} is not an amount: write it as in 0.30, below 1000 and with at most 9 decimals")
    return units.money(value.text)


def _factor(value: Scalar, _place: Place) -> int:
    """Millionths."""
    if kind(value) not in ("int", "float") or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", value.text):
        raise ValueError(f"{show(value)} is not a factor: write it as in 1.5, at most 999 and with 6 decimals")
    return int(Decimal(value.text) * units.MILLION)


def _hours(value: Scalar, _place: Place) -> Hours:
    return hours(_text(value))


_DIGITS = r"(?=[^/]*[1-9])[0-9]{1,12}"
PRICE = Leaf(
    'a price with its unit, as in "1.00/1M"',
    _price,
    {
        "anyOf": [
            {"type": "string", "pattern": r"^\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*/\s*(1|1K|1M)\s*$"},
            {"const": 0},
        ]
    },
)
AMOUNT = Leaf(
    "an amount of the currency, as in 0.30", _amount, {"type": "number", "minimum": 0, "exclusiveMaximum": 1000}
)
_KEEP = r"^\s*([7-9]|[1-9][0-9]{1,3})\s*d\s*$"
KEEP = _unit('days, at least 7, as in "90d"', _KEEP, _keep)
FACTOR = Leaf("a factor, as in 1.5", _factor, {"type": "number", "minimum": 0, "exclusiveMaximum": 1000})
HOURS = Leaf(f"a time of the week, as in {EXAMPLE}", _hours, {"type": "string", "pattern": rf"^\s*{PATTERN}\s*$"})
RATE = _unit(
    'a rate, as in "60/m"',
    rf"^\s*{_DIGITS}\s*[KM]?\s*/\s*(s|m|h|d|sec|second|min|minute|hour|day)\s*$",
    units.rate,
)
SIZE = _unit('a size, as in "8MB"', rf"^\s*{_DIGITS}\s*([kKmMgG]?[iI]?[bB])\s*$", _size)
DURATION = _unit('a duration, as in "60s"', r"^\s*(?=.*[1-9])[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*$", _duration)


def _url(value: Scalar, _place: Place) -> str:
    """http(s)://host[:port][/path] without a trailing slash or /v1, which the adapters add themselves."""
    text = _text(value)
    example = 'an address is written as in "http://127.0.0.1:11434"'
    if "@" in text:
        raise ValueError("a password in the address: put it into `api_key`, as ${NAME_OF_A_VARIABLE}")
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError(f"{show(value)} is no address of a server: {example}")
    if "?" in text or "#" in text:
        raise ValueError(f"{show(value)} has a query or fragment: {example}")
    return text.rstrip("/").removesuffix("/v1").rstrip("/")


def _network(value: Scalar, _place: Place) -> str:
    try:
        return str(ipaddress.ip_network(_text(value), strict=False))
    except ValueError:
        raise ValueError(f'{show(value)} is no network: write it as "10.0.0.0/8" or "127.0.0.1"') from None


def _database(value: Scalar, _place: Place) -> str:
    database_url(value.text)
    return value.text


def _secret(value: Scalar, _place: Place) -> str:
    """Never shown, not even when it is wrong."""
    if kind(value) != "text" and not value.variable:
        raise ValueError("a secret of digits only stands in quotes")
    if not re.fullmatch(r"[!-~]+", value.text):
        raise ValueError("the secret has spaces or characters beyond ASCII, which no header can carry")
    return value.text


URL = Leaf("the address of a server", _url, {"type": "string", "pattern": r"^https?://[^\s@?#]+$"})
NETWORK = Leaf("a network", _network, {"type": "string", "pattern": "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$"})
DATABASE = Leaf(
    "the URL of a database",
    _database,
    {"type": "string", "pattern": r"^(sqlite|postgres(ql)?|asyncpg)(\+[a-z0-9]+)?://"},
)
SECRET = Leaf(
    "a secret of printable ASCII characters, best as ${NAME_OF_A_VARIABLE}",
    _secret,
    {"type": "string", "pattern": "^[!-~]+$"},
)
FILE = word("a path of a file", r"[^\x00-\x1f\x7f]+", 4096)
