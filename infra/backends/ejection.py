"""Passive health: one that fails again and again gets no requests for a while (docs/routing.md, Several backends).

    in ── 5 failures in a row ──▶ ejected ── its time is up ──▶ one trial ── first byte ──▶ in, on probation
                                     ▲                              │
                                     └────── twice as long ─────────┘

Where others send there, too, the trial is one for all of them (`infra.backends.trial`), and they hear of its outcome.

What runs there when it is ejected goes on, and its outcome changes nothing. On probation one failure ejects again.
"""

import time
from collections.abc import Callable

FAILURES_MAX = 5
"""So many failures in a row eject."""
FIRST_SECONDS, MOST_SECONDS = 5.0, 30.0
"""How long it is out the first time; doubled each time until an answer was whole."""


class Ejection:
    """Of one backend. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.failures = 0
        """In a row."""
        self.permit: Callable[[], bool] = lambda: True
        """Whether the trial is this process's."""
        self._until: float | None = None
        self._seconds = self._last = FIRST_SECONDS
        self._trial = False

    @property
    def ejected(self) -> bool:
        """Out, or let back for no more than one trial."""
        return self._until is not None

    @property
    def left(self) -> float | None:
        """Seconds until the trial, 0 where it may come or runs; None where it is in."""
        return None if self._until is None else max(0.0, self._until - self._clock())

    @property
    def due(self) -> bool:
        """It is time to find out whether it works again."""
        return not self._trial and self.left == 0.0

    @property
    def wants_trial(self) -> bool:
        """The next request may find out."""
        return self.due and self.permit()

    @property
    def takes(self) -> bool:
        """Whether a request may be sent there now."""
        return self._until is None or self.wants_trial

    def take(self) -> bool:
        """A request is sent there: True where it is the trial, whose outcome must be told or given up."""
        if self.wants_trial:
            self._trial = True
            return True
        return False

    def give_up(self) -> None:
        """The trial ended without telling anything, because the client left or was wrong: the next one is another."""
        self._trial = False

    def failed(self, *, trial: bool, last: bool) -> bool:
        """A request failed; True where that ejects it, which never happens to the `last` one that works."""
        if self.ejected and not trial:
            return False
        self.failures += 1
        self._trial = False
        if self.failures < FAILURES_MAX or (last and not self.ejected):
            return False
        self._until, self._last = self._clock() + self._seconds, self._seconds
        self._seconds = min(MOST_SECONDS, 2 * self._seconds)
        return True

    @property
    def out_seconds(self) -> float:
        """How long it is out this time, or was the last time."""
        return self._last

    def heard_out(self, seconds: float) -> bool:
        """Another process has ejected it for so long; True where that ejects it here. A trial that runs decides."""
        if self._trial:
            return False
        was, until = self.ejected, self._clock() + seconds
        self._until = until if self._until is None else max(self._until, until)
        self._last, self._seconds = seconds, min(MOST_SECONDS, 2 * seconds)
        return not was

    def heard_back(self) -> bool:
        """Another process's trial has succeeded: back in here, too, on probation. True where it was out."""
        return self.began(trial=True)

    def began(self, *, trial: bool) -> bool:
        """The trial's answer begins, which may take long to end: back in, on probation. True where it is back."""
        if not (trial and self.ejected):
            return False
        self._until, self._trial, self.failures = None, False, FAILURES_MAX - 1
        return True

    def worked(self, *, trial: bool) -> bool:
        """An answer was whole. True where that brings it back."""
        back = self.began(trial=trial)
        if not self.ejected:
            self.failures, self._seconds = 0, FIRST_SECONDS
        return back
