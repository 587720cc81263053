"""Ids that sort by time and cannot be guessed: a prefix, 8 base62 digits of milliseconds, 12 of randomness."""

import secrets
import string
import time

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def base62(number: int, width: int) -> str:
    """`number` in base62, padded to `width` digits; ASCII order is numeric order."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits))


def new(prefix: str) -> str:
    """A new id: user_0QxB3kLmZ4…"""
    return f"{prefix}_{base62(time.time_ns() // 1_000_000, 8)}{base62(secrets.randbits(71), 12)}"
