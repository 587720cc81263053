"""A backend's `pace`: a leaky bucket of its starts, which is one for all processes that send there.

Who is alone asks nobody. Where there are others the database keeps the bucket, and each start has its turn from there:
who comes too early sleeps until then. A process that is alone holds all the slots (`infra.backends.sharing`), so before
another one can start anything it has heard of it, and has told the database how full its bucket is.
"""

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import BillingUnavailable
from infra.store.clock import SECOND_US
from infra.units import Rate

if TYPE_CHECKING:
    from infra.backends.holding import Holding


class Bucket:
    """One that is full after a whole rate at once and then leaks evenly (GCRA). Times are seconds or microseconds, as
    `each` start's and the `whole` bucket's are."""

    def __init__(self, each: float, whole: float, empty: float = 0) -> None:
        self.each, self.whole = each, whole
        self.empty = empty
        """When all of it will have leaked out."""

    def turn(self, now: float, parts: int = 1) -> float:
        """When one more may start, which it then does; `parts`: as one of so many that share the rate."""
        at = max(now, self.empty + self.each * parts - self.whole)
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
    """Of one backend in one process. `clock` gives monotonic seconds."""

    def __init__(self, backend: str, rate: Rate, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self._backend, self._clock = rate, backend, clock
        self._bucket = Bucket(rate.seconds / rate.count, rate.seconds)
        self._most = rate.seconds + slots * self._bucket.each  # nobody waits without a slot
        self._shared = False
        """Whether the database knows the bucket better than we do."""
        self._unused: list[float] = []
        """Turns of those who left before they came."""

    async def wait(self, holding: "Holding | None") -> None:
        """Returns when one more may start; cancelled, its turn is the next one's."""
        at = self._left_over()
        if at is None:
            at = await self._turn(holding)
        try:
            await asyncio.sleep(max(0.0, at - self._clock()))
        except asyncio.CancelledError:
            heapq.heappush(self._unused, at)
            raise

    def meet(self, holding: "Holding") -> None:
        """There is another process now: what has started here counts for it, too."""
        if not self._shared:
            holding.turn(self._start(turns=0)).add_done_callback(self._told)
            self._shared = True

    def _left_over(self) -> float | None:
        """A turn that has come without its owner is lost: with the next one's it would be two at once."""
        while self._unused:
            at = heapq.heappop(self._unused)
            if at > self._clock():
                return at
        return None

    async def _turn(self, holding: "Holding | None") -> float:
        if holding is None or not (holding.others or self._shared):
            return self._bucket.turn(self._clock())
        answer = holding.turn(self._start())
        self._shared = True
        try:
            turn = await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(self._late)
            raise
        except BillingUnavailable:
            self._shared = False
            return self._bucket.turn(self._clock(), 1 + len(holding.others))
        self._learn(turn)
        self._shared = bool(holding.others)
        return self._clock() + turn.wait_us / SECOND_US

    def _start(self, turns: int = 1) -> Start:
        used = 0.0 if self._shared else max(0.0, self._bucket.empty - self._clock())
        each_us, whole_us = _us(self._bucket.each), _us(self._bucket.whole)
        return Start(self._backend, each_us, whole_us, _us(used), _us(self._most), turns)

    def _learn(self, turn: Turn) -> None:
        self._bucket.empty = max(self._bucket.empty, self._clock() + turn.used_us / SECOND_US)

    def _told(self, answer: "asyncio.Future[Turn]") -> None:
        if answer.exception() is not None:
            self._shared = False  # the next start tells it

    def _late(self, answer: "asyncio.Future[Turn]") -> None:
        if answer.exception() is None:
            self._learn(answer.result())
            heapq.heappush(self._unused, self._clock() + answer.result().wait_us / SECOND_US)


def _us(seconds: float) -> int:
    return int(seconds * SECOND_US)
