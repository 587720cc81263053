"""A clock that moves when a test says so."""

from infra.limits.log import NANOSECONDS


class Clock:
    """Nanoseconds; never sleeps."""

    def __init__(self) -> None:
        self.now = 5_000 * NANOSECONDS

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += round(seconds * NANOSECONDS)
