"""A backend's `pace`: a leaky bucket of its starts, which is one for all processes that send there.

Who waits for it waits in the backend's queue, and the next in turn gets it. Who is alone asks nobody. Where there are
others the database keeps the bucket, and each start has its turn from there. A process that is alone holds all the
slots (`infra.backends.sharing`), so before another one can start anything it has heard of it, and has told the database
how full its bucket is.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from infra.config.objects import Backend
from infra.store.clock import SECOND_US
from infra.units import Rate

if TYPE_CHECKING:
    from infra.backends.holding import Holding


LEAD_SECONDS = 0.25
"""Turns of so long are asked for ahead where the database gives them."""


class Bucket:
    """One that is full after a whole rate at once and then leaks evenly (GCRA). Times are seconds or microseconds, as
    `each` start's and the `whole` bucket's are."""

    def __init__(self, each: float, whole: float, empty: float = 0) -> None:
        self.each, self.whole = each, whole
        self.empty = empty
        """When all of it will have leaked out."""

    def next(self, parts: int = 1) -> float:
        """When there is room for one more."""
        return self.empty + self.each * parts - self.whole

    def turn(self, now: float, parts: int = 1) -> float:
        """When one more may start, which it then does; `parts`: as one of so many that share the rate."""
        at = max(now, self.next(parts))
        self.empty = max(self.empty, at) + self.each * parts
        return at


@dataclass(frozen=True, slots=True)
class Start:
    """Asks the database for one turn, or for none, only to tell it how full the bucket is; answered by a `Turn`."""

    backend: str
    each_us: int
    whole_us: int
    used_us: int
    """At least so full is the bucket: how long until it has leaked out."""
    most_us: int
    """Nor can it be fuller than that; where it is, the clock was set back."""
    turns: int = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """`wait_us` from the moment of the answer on; `used_us`: how full the bucket is."""

    wait_us: int
    used_us: int


def turns(starts: list[Start], now_us: int, empty_us: int | None) -> tuple[list[Turn], int]:
    """The turns of those who ask together, in their order, and what `empty` becomes. All are about one backend."""
    bucket, found = Bucket(0, 0, empty_us or 0), list[Turn]()
    for start in starts:
        bucket.each, bucket.whole = start.each_us, start.whole_us
        bucket.empty = max(min(bucket.empty, now_us + start.most_us), now_us + start.used_us)
        wait = max([bucket.turn(now_us) for _ in range(start.turns)], default=now_us) - now_us
        found.append(Turn(int(wait), int(bucket.empty) - now_us))
    return found, int(bucket.empty)


class Pace:
    """Of one backend in one process: whether one more may start now, and who is told when. `opened` is called then, and
    starts at most one, or nobody: a turn that finds nobody is lost, with the next one it would be two at once. So who
    starts is decided in that moment, by the queue. `clock` gives monotonic seconds."""

    def __init__(
        self,
        backend: str,
        rate: Rate,
        slots: int,
        opened: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend, self._opened, self._clock = backend, opened, clock
        self._bucket = Bucket(0, 0)
        self.set(rate, slots)
        self._shared = False
        """Whether the database knows the bucket better than we do."""
        self._come = self._asked = 0
        """Turns from the database whose moment is now, and those that are still to come."""
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, backend: Backend, before: "Pace | None", opened: Callable[[], None]) -> "Pace | None":
        """As gateway.yaml has it; a reload does not empty the bucket."""
        if backend.pace is None:
            return None
        if before is None:
            return cls(backend.name, backend.pace, backend.slots, opened)
        before.set(backend.pace, backend.slots)
        return before

    def set(self, rate: Rate, slots: int) -> None:
        """How fast, from now on."""
        self._bucket.each, self._bucket.whole = rate.seconds / rate.count, rate.seconds
        self._most = rate.seconds + slots * self._bucket.each  # nobody asks without a slot

    @property
    def each(self) -> float:
        """Seconds between two starts, in the long run."""
        return self._bucket.each

    @property
    def left(self) -> float:
        """Seconds until the next one may start, as far as this process knows."""
        return max(0.0, self._bucket.next() - self._clock())

    def open(self, holding: "Holding | None") -> bool:
        """Whether one may start at this moment."""
        return self._come > 0 or (self._alone(holding) and not self.left)

    def start(self) -> None:
        """One does."""
        if self._come:
            self._come -= 1
        else:
            self._bucket.turn(self._clock())

    def want(self, count: int, holding: "Holding | None") -> None:
        """So many wait for nothing else."""
        if self._alone(holding):
            if count and self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self.left, self._due)
            return
        assert holding is not None
        # Few at a time: who comes, here or in another process, may have to go first.
        for _ in range(self._asked, min(count, max(1, int(LEAD_SECONDS / self.each)))):
            self._ask(holding)

    def meet(self, holding: "Holding") -> None:
        """There is another process now: what has started here counts for it, too."""
        if not self._shared:
            holding.turn(self._start(turns=0)).add_done_callback(self._told)
            self._shared = True

    def _alone(self, holding: "Holding | None") -> bool:
        return holding is None or not (holding.others or self._shared)

    def _due(self) -> None:
        self._timer = None
        self._opened()

    def _ask(self, holding: "Holding") -> None:
        answer = holding.turn(self._start())
        self._shared, self._asked = True, self._asked + 1
        answer.add_done_callback(partial(self._answered, holding))

    def _answered(self, holding: "Holding", answer: "asyncio.Future[Turn]") -> None:
        if answer.cancelled():
            self._asked -= 1
            return
        if answer.exception() is not None:  # without the database each process has its part
            self._shared = False
            wait = self._bucket.turn(self._clock(), 1 + len(holding.others)) - self._clock()
        else:
            self._learn(answer.result())
            self._shared = bool(holding.others)
            wait = answer.result().wait_us / SECOND_US
        asyncio.get_running_loop().call_later(max(0.0, wait), self._its_turn)

    def _its_turn(self) -> None:
        self._asked, self._come = self._asked - 1, 1
        self._opened()
        self._come = 0

    def _start(self, turns: int = 1) -> Start:
        used = 0.0 if self._shared else max(0.0, self._bucket.empty - self._clock())
        each_us, whole_us = _us(self._bucket.each), _us(self._bucket.whole)
        return Start(self._backend, each_us, whole_us, _us(used), _us(self._most), turns)

    def _learn(self, turn: Turn) -> None:
        self._bucket.empty = max(self._bucket.empty, self._clock() + turn.used_us / SECOND_US)

    def _told(self, answer: "asyncio.Future[Turn]") -> None:
        if answer.exception() is not None:
            self._shared = False  # the next start tells it


def _us(seconds: float) -> int:
    return int(seconds * SECOND_US)
