"""How many requests a backend works on at once, and how long they take there."""

import time
from collections.abc import Callable

GUESS_SECONDS = 5.0
"""How long a request takes, before one was measured."""
MEASURED = 5
"""So many finished requests make the mean believable."""
_SHARE = 0.2
_SHORTEST = 1e-6


class Slots:
    """A counter that cannot go wrong silently: taking too many or freeing too many raises."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.leased: int | None = None
        """How many of them this process may use; None: all, nobody else sends to the backend."""
        self.sure: Callable[[], bool] = lambda: True
        """Whether what is leased certainly still is."""
        self.busy = 0
        self.peak = 0
        """Most that were busy at once, since whoever looks at it last set it back."""
        self.finished = 0
        self.seconds = GUESS_SECONDS
        """Mean time a slot is taken, newer ones weighing more (exponentially weighted, a fifth each)."""
        self._latest = 0.0
        """Monotonic seconds of the last time that one was taken."""
        self._since = 0.0
        """Monotonic seconds of the first of those that are busy, as far back as one of them always was."""

    @property
    def usable(self) -> int:
        """How many may be busy here at once."""
        if self.leased is None:
            return self.total
        return min(self.leased if self.sure() else self.busy, self.total)

    @property
    def free(self) -> bool:
        """After a reload that took slots away, more may be busy than there are."""
        return self.busy < self.usable

    @property
    def idle(self) -> int:
        """How many are free."""
        return max(0, self.usable - self.busy)

    def take(self) -> None:
        if not self.free:
            raise RuntimeError("no slot is free")
        self._latest = time.monotonic()
        if not self.busy:
            self._since = self._latest
        self.busy += 1
        self.peak = max(self.peak, self.busy)

    def give(self, seconds: float | None) -> None:
        """Frees one that was taken for so long; None: it was not used."""
        if self.busy < 1:
            raise RuntimeError("no slot is taken")
        self.busy -= 1
        if seconds is not None:
            self.seconds = seconds if self.finished == 0 else (1 - _SHARE) * self.seconds + _SHARE * seconds
            self.finished += 1

    @property
    def each(self) -> float:
        """Seconds between two slots that become free, as far as the measured speed tells. A request takes at least as
        long as all that run have taken up to now; before one was measured, as the first of them has."""
        seconds = max(self.seconds, _SHORTEST)
        if self.busy:
            seconds = max(seconds, time.monotonic() - (self._latest if self.finished else self._since))
        return seconds / self.total
