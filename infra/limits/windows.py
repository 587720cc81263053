"""Exact sliding windows: the log of what passed, and how many are inside at once.

`Windows` is all that knows where the counts are kept: here in this process. Its four verbs (`take`, `amend`, `leave`,
`level`) are what a store shared by several processes has to offer in its place.

A window holds (now − seconds, now]: what passed at t has left at exactly t + seconds. Times are nanoseconds of a
monotonic clock, integers, so that "exactly" means it. Memory: 16 bytes per instant in the window, hence at most
16 × count bytes for a window of requests: 5000/d is 80 kB for a key that uses all of it.
"""

import time
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from infra.units import Rate

NANOSECONDS = 1_000_000_000
AMOUNT_MAX = 2**62
"""What one instant can hold; beyond every limit that can be written (units.rate: 10¹⁸)."""
PLACE_WAIT_NS = 1 * NANOSECONDS
"""When a running request ends is not known: who finds no place is told to come back in a second."""
_COMPACT_FROM = 64
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


class Log:
    """What passed in one window: instants in order, each with its amount."""

    __slots__ = ("amounts", "head", "span_ns", "times", "used")

    def __init__(self, span_ns: int) -> None:
        self.times = array("q")
        self.amounts = array("q")
        self.head = 0  # before it lies what has left; cutting an array's front at every step would copy it each time
        self.used = 0
        self.span_ns = span_ns

    def advance(self, now: int, span_ns: int) -> None:
        """Let go of what has left a window of `span_ns`."""
        self.span_ns = span_ns
        times, head = self.times, self.head
        while head < len(times) and times[head] + span_ns <= now:
            self.used -= self.amounts[head]
            head += 1
        if head > _COMPACT_FROM and head * 2 > len(times):
            del times[:head], self.amounts[:head]
            head = 0
        self.head = head

    def add(self, now: int, amount: int) -> None:
        """Count `amount` at `now`, which is never before the last instant."""
        self.used += amount
        if self.head < len(self.times) and self.times[-1] == now:
            self.amounts[-1] += amount
        else:
            self.times.append(now)
            self.amounts.append(amount)

    def amend(self, at: int, delta: int) -> None:
        """Change what was counted at the instant `at`; nothing where it has left."""
        found = bisect_left(self.times, at, lo=self.head)
        if found < len(self.times) and self.times[found] == at:
            before = self.amounts[found]
            self.amounts[found] = min(max(before + delta, 0), AMOUNT_MAX)
            self.used += self.amounts[found] - before

    def wait_ns(self, now: int, excess: int) -> int:
        """Until `excess` has left; 0 where there is none. `excess` is at most what is used."""
        if excess <= 0:
            return 0
        index = self.head
        while (excess := excess - self.amounts[index]) > 0:
            index += 1
        return self.times[index] + self.span_ns - now

    def empty_ns(self, now: int) -> int:
        """Until all has left; 0 where nothing is inside."""
        return self.times[-1] + self.span_ns - now if self.head < len(self.times) else 0


class Windows:
    """Every window and every count of places of this process. Not for several threads."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._logs: OrderedDict[str, Log] = OrderedDict()
        self._places: dict[str, int] = {}

    def take(self, wants: Sequence[Want], places: Sequence[Place] = ()) -> int | Full:
        """All of it or nothing. Returns the instant at which it was counted, which `amend` needs."""
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
