"""Ids that sort by time and cannot be guessed: a prefix, 8 base62 digits of milliseconds, 12 of randomness."""

import os
import secrets
import string
import time
from functools import lru_cache

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


_PAIRS = [a + b for a in BASE62 for b in BASE62]


def base62(number: int, width: int) -> str:
    """`number` in base62, padded to `width` digits; ASCII order is numeric order."""
    digits = []
    for _ in range((width + 1) // 2):
        number, pair = divmod(number, 62 * 62)
        digits.append(_PAIRS[pair])
    return "".join(reversed(digits))[-width:]


class _Dice:
    """Randomness of the system, fetched for many ids at once: each fetch is a system call."""

    def __init__(self) -> None:
        self._pid, self._pool = 0, b""

    def bits71(self) -> int:
        if len(self._pool) < 9 or self._pid != os.getpid():  # a forked child must not go on with its parent's
            self._pid, self._pool = os.getpid(), secrets.token_bytes(9 * 128)
        taken, self._pool = self._pool[:9], self._pool[9:]
        return int.from_bytes(taken, "big") >> 1


_dice = _Dice()


@lru_cache(maxsize=4)
def _moment(milliseconds: int) -> str:
    """The same for all ids of a millisecond."""
    return base62(milliseconds, 8)


def new(prefix: str) -> str:
    """A new id: user_0QxB3kLmZ4…"""
    return f"{prefix}_{_moment(time.time_ns() // 1_000_000)}{base62(_dice.bits71(), 12)}"
