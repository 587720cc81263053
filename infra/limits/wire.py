"""The limits of a key or a user as JSON, in the database and in the admin API.

{"requests": "60/m", "tokens": "200K/m", "concurrent": 8}, each may be missing or null: unlimited.
"""

from difflib import get_close_matches
from typing import Any

from infra.config.objects import Limits
from infra.units import Rate, rate

CONCURRENT_MAX = 1_000_000
_FIELDS = ("requests", "tokens", "concurrent")


def limits_from_json(value: object) -> Limits:
    """Limits of a JSON object; None and {} are no limits. Raises ValueError with one sentence about the first fault."""
    if value is None:
        return Limits()
    if not isinstance(value, dict):
        raise ValueError(f'limits are written as {{"requests": "60/m"}}, found {_shown(value)}')
    for name in value:
        if name not in _FIELDS:
            near = get_close_matches(str(name), _FIELDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_FIELDS)}"
            raise ValueError(f"{str(name)[:40]!r} is not a limit; {hint}")
    return Limits(
        requests=_rate("requests", value.get("requests")),
        tokens=_rate("tokens", value.get("tokens")),
        concurrent=_concurrent(value.get("concurrent")),
    )


def limits_to_json(limits: Limits) -> dict[str, Any]:
    """The JSON object of limits, every field in it; unlimited is null."""
    return {
        "requests": str(limits.requests) if limits.requests else None,
        "tokens": str(limits.tokens) if limits.tokens else None,
        "concurrent": limits.concurrent,
    }


def _rate(name: str, value: object) -> Rate | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f'{name}: {_shown(value)} is not a rate: write it as "60/m"')
    try:
        return rate(value[:100])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _concurrent(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= CONCURRENT_MAX:
        raise ValueError(f"concurrent: a whole number from 1 to {CONCURRENT_MAX:,}, found {_shown(value)}")
    return value


def _shown(value: object) -> str:
    """What was found, short; Python refuses to print integers of more than 4,300 digits."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge number"
    return repr(value)[:40] if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
