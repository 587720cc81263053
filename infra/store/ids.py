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


_LETTERS = "".join(BASE62[byte % 62] for byte in range(4 * 62)).encode() + bytes(256 - 4 * 62)
_UNEVEN = bytes(range(4 * 62, 256))
"""The bytes that would make some letters likelier than others."""


class _Dice:
    """Randomness of the system, fetched for many ids at once: each fetch is a system call."""

    def __init__(self) -> None:
        self._pid, self._pool = 0, ""

    def letters(self, count: int) -> str:
        """So many base62 digits, each as likely as any other."""
        if len(self._pool) < count or self._pid != os.getpid():  # a forked child must not go on with its parent's
            self._pid, self._pool = os.getpid(), secrets.token_bytes(2048).translate(_LETTERS, _UNEVEN).decode()
        taken, self._pool = self._pool[:count], self._pool[count:]
        return taken


_dice = _Dice()


@lru_cache(maxsize=4)
def _moment(milliseconds: int) -> str:
    """The same for all ids of a millisecond."""
    return base62(milliseconds, 8)


def new(prefix: str) -> str:
    """A new id: user_0QxB3kLmZ4…"""
    return f"{prefix}_{_moment(time.time_ns() // 1_000_000)}{_dice.letters(12)}"
