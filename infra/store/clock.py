"""The time, in the one form that the database keeps: whole microseconds since 1970, UTC."""

import time

SECOND_US = 1_000_000


def now_us() -> int:
    """Microseconds since 1970-01-01T00:00:00Z by this machine's clock."""
    return time.time_ns() // 1000
