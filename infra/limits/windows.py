"""Where the counts are kept: every sliding window (`log.py`), and how many are inside at once.

`Windows` counts for one process; `shared.SharedWindows` does for several that share a database. `Counting` is what both
offer.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from infra.limits.log import NANOSECONDS, Log
from infra.units import Rate

PLACE_WAIT_NS = 1 * NANOSECONDS
"""When a running request ends is not known: who finds no place is told to come back in a second."""
_LOOK_AT = 2


@dataclass(frozen=True, slots=True)
class Want:
    """So much of one window."""

    window: str
    rate: Rate
    amount: int


@dataclass(frozen=True, slots=True)
class Place:
    """One of `most` places."""

    name: str
    most: int


@dataclass(frozen=True, slots=True)
class Full:
    """Nothing was taken: `lacking` is what has to be waited for longest."""

    lacking: Want | Place
    used: int
    wait_ns: int | None
    """Until it would pass if nothing else comes; None: never, it asks for more than the whole limit."""


@dataclass(frozen=True, slots=True)
class Level:
    """How full a window is."""

    used: int
    empty_ns: int
    """Nanoseconds until the last of it has left."""


class Counting(Protocol):
    """A store of counts."""

    async def take(self, wants: Sequence[Want], places: Sequence[Place]) -> Any | Full:
        """All of it or nothing. Returns where it was counted, which `amend` needs."""
        ...

    def amend(self, window: str, at: Any, delta: int) -> None:
        """Correct what was taken there by `delta`."""
        ...

    def leave(self, places: Iterable[str]) -> None:
        """Give places back."""
        ...

    def level(self, window: str, rate: Rate) -> Level:
        """How full a window is."""
        ...


class Windows:
    """Every window and every count of places of this process. Not for several threads."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._logs: OrderedDict[str, Log] = OrderedDict()
        self._places: dict[str, int] = {}

    async def take(self, wants: Sequence[Want], places: Sequence[Place] = ()) -> int | Full:
        """See `Counting`; here nobody waits."""
        return self.take_now(wants, places)

    def take_now(self, wants: Sequence[Want], places: Sequence[Place] = ()) -> int | Full:
        """All of it or nothing; the instant is in nanoseconds of the clock."""
        now = self._clock()
        self._drop_idle(now)
        lacks = [lack for want in wants if (lack := self._lack(want, now))]
        lacks += [lack for place in places if (lack := self._no_place(place))]
        if lacks:  # the longest wait: after it none of the others refuses either
            return max(lacks, key=lambda lack: float("inf") if lack.wait_ns is None else lack.wait_ns)
        for want in wants:
            if want.window not in self._logs:
                self._logs[want.window] = Log(want.rate.seconds * NANOSECONDS)
            self._logs[want.window].add(now, want.amount)
        for place in places:
            self._places[place.name] = self._places.get(place.name, 0) + 1
        return now

    def amend(self, window: str, at: int, delta: int) -> None:
        """Correct what was taken at the instant `at` by `delta`."""
        if log := self._logs.get(window):
            log.amend(at, delta)

    def leave(self, places: Iterable[str]) -> None:
        """Give places back."""
        for name in places:
            left = self._places[name] - 1
            if left:
                self._places[name] = left
            else:
                del self._places[name]

    def level(self, window: str, rate: Rate) -> Level:
        """How full a window is now."""
        log = self._logs.get(window)
        if log is None:
            return Level(0, 0)
        now = self._clock()
        log.advance(now, rate.seconds * NANOSECONDS)
        return Level(log.used, log.empty_ns(now))

    def __len__(self) -> int:
        """How many windows and counts are in memory."""
        return len(self._logs) + len(self._places)

    def _lack(self, want: Want, now: int) -> Full | None:
        log = self._logs.get(want.window)
        if log is not None:
            log.advance(now, want.rate.seconds * NANOSECONDS)
        used = log.used if log is not None else 0
        if want.amount > want.rate.count:
            return Full(want, used, None)
        if log is None or used + want.amount <= want.rate.count:
            return None
        return Full(want, used, log.wait_ns(now, used + want.amount - want.rate.count))

    def _no_place(self, place: Place) -> Full | None:
        inside = self._places.get(place.name, 0)
        return Full(place, inside, PLACE_WAIT_NS) if inside >= place.most else None

    def _drop_idle(self, now: int) -> None:
        """Look at two of the others at every use, in turn: what is empty goes, and no sweep ever stops the loop."""
        for name in list(islice(self._logs, _LOOK_AT)):
            log = self._logs[name]
            log.advance(now, log.span_ns)
            if log.head < len(log.times):
                self._logs.move_to_end(name)
            else:
                del self._logs[name]
