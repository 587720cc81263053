"""The counts of limits where several processes share a database: exact across all of them.

Each batch of questions is one transaction under locks on the windows it touches, on a connection of its own, so that
the clock that orders the entries is the database's and nobody counts between a look and a step. What a request reads in
its x-ratelimit headers is as of its own counting.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.errors import BillingUnavailable
from infra.ledger.vault import COMMIT_SECONDS_MAX
from infra.ledger.writer import Writer
from infra.limits.windows import PLACE_WAIT_NS, Full, Level, Place, Want
from infra.store.clock import SECOND_US, now_us
from infra.store.ids import new
from infra.units import Rate

LEVELS_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Take:
    """All of these or nothing."""

    id: str
    wants: tuple[Want, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Amend:
    """Corrects what `id` took of a window."""

    id: str
    window: str
    at_us: int
    delta: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Gives the places back that `id` took."""

    id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """Counted at this instant; `levels` are the windows as they are then: used, and when the last of it leaves."""

    at_us: int
    levels: dict[str, tuple[int, int]]


@dataclass(slots=True)
class Counts:
    """What a batch has read: how much of each window is used and when the last of it leaves, how many are inside."""

    now_us: int
    used: dict[str, int]
    until_us: dict[str, int]
    inside: dict[str, int]


def decide(take: Take, counts: Counts) -> Taken | Full:
    """One question in arrival order (pure but for `counts`, which the next question needs). A window that is full is
    answered with `wait_ns` 0: only the database knows the entries that have to leave."""
    for want in take.wants:
        used = counts.used.get(want.window, 0)
        if want.amount > want.rate.count:
            return Full(want, used, None)
        if used + want.amount > want.rate.count:
            return Full(want, used, 0)
    for place in take.places:
        inside = counts.inside.get(place.name, 0)
        if inside >= place.most:
            return Full(place, inside, PLACE_WAIT_NS)
    for want in take.wants:
        counts.used[want.window] = counts.used.get(want.window, 0) + want.amount
        counts.until_us[want.window] = counts.now_us + want.rate.seconds * SECOND_US
    for place in take.places:
        counts.inside[place.name] = counts.inside.get(place.name, 0) + 1
    return Taken(counts.now_us, {w.window: (counts.used[w.window], counts.until_us[w.window]) for w in take.wants})


class SharedWindows:
    """Takes the place of `Windows`; `writer` owns the connection and batches."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._levels: OrderedDict[str, tuple[int, int]] = OrderedDict()

    async def take(self, wants: Sequence[Want], places: Sequence[Place] = (), id: str | None = None) -> int | Full:
        """As `Windows.take`; the instant is in the database's microseconds. Raises BillingUnavailable."""
        if not wants and not places:
            return 0
        answer = self._writer.submit(Take(id or new("take"), tuple(wants), tuple(places)))
        done, _ = await asyncio.wait({answer}, timeout=COMMIT_SECONDS_MAX)
        if not done:
            raise BillingUnavailable("Limits cannot be counted at the moment, please try again.")
        result = answer.result()
        if isinstance(result, Full):
            self._note_full(result)
            return result
        assert isinstance(result, Taken)
        for name, level in result.levels.items():
            self._note(name, level)
        return result.at_us

    def _note_full(self, full: Full) -> None:
        if isinstance(full.lacking, Want):
            _, until_us = self._levels.get(full.lacking.window, (0, 0))
            self._note(full.lacking.window, (full.used, max(until_us, now_us() + (full.wait_ns or 0) // 1_000)))

    def _note(self, name: str, level: tuple[int, int]) -> None:
        self._levels[name] = level
        self._levels.move_to_end(name)
        while len(self._levels) > LEVELS_KEPT:
            self._levels.popitem(last=False)

    def amend(self, window: str, at: int, delta: int, id: str) -> None:
        """Corrects what was taken at the instant `at`."""
        if delta:
            self._writer.submit(Amend(id, window, at, delta))
            if window in self._levels:
                used, until_us = self._levels[window]
                self._levels[window] = max(0, used + delta), until_us

    def leave(self, places: Iterable[str], id: str) -> None:
        """Gives places back."""
        names = tuple(places)
        if names:
            self._writer.submit(Leave(id, names))

    def level(self, window: str, rate: Rate) -> Level:
        """The window as it was when this process last counted in it."""
        used, until_us = self._levels.get(window, (0, 0))
        left_us = until_us - now_us()
        return Level(used, left_us * 1_000) if left_us > 0 else Level(0, 0)
