"""One backend at work: its adapter, its slots, who waits for them, and what its health is."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from aiolimiter import AsyncLimiter

from infra.backends.adapters.base import Adapter, Probe
from infra.backends.ejection import Ejection
from infra.backends.faults import FAILURES, NotSent
from infra.backends.queue import FairQueue, Rank
from infra.backends.slots import Slots
from infra.config.objects import Backend, Target
from infra.errors import GatewayError, NoBackend

Told = Callable[[int, float], None]
"""Called with the place in the queue, from 1, and the seconds expected, whenever the place changes."""
TELL_SECONDS = 0.2
"""Places are told at most so often."""
TELL_RARELY = 50
"""And with so many times the time in between that it took to count them."""


class Waiter:
    """One request in the queues of every backend that could serve it; the first free slot takes it out of all."""

    def __init__(
        self,
        targets: Mapping["Station", Target],
        user: str,
        weight: int,
        rank: Rank,
        told: Told | None,
        spare: bool = False,
    ) -> None:
        self.targets = targets
        self.spare = spare
        """Another model serves where all these backends are gone."""
        self.user = user
        self.weight = weight
        self.rank = rank
        self.granted: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        self._queued: dict[Station, int] = {}
        """Where it waits, and its place there, from 1."""
        self._told = told
        self._place = 0

    def join(self, station: "Station") -> None:
        """Also waits for this backend, where its queue has room."""
        if station not in self._queued and len(station.queue) < station.queue.length:
            self._queued[station] = station.place(self.user, self.weight, self.rank)
            station.queue.push(self, self.user, self.weight, self.rank)
            station.tell_soon()

    def leave(self) -> None:
        """Out of every queue; those behind move up."""
        for station in self._queued:
            station.queue.remove(self)
            station.tell_soon()
        self._queued = {}

    def abandon(self) -> None:
        """Nobody waits any more: a slot that was granted in this very moment goes back."""
        self.leave()
        if not self.granted.done():
            self.granted.cancel()
        elif self.granted.exception() is None:
            self.granted.result().release(used=False)

    def lose(self, station: "Station", error: GatewayError) -> None:
        """One of its backends is gone; without any left it waits for nothing."""
        station.queue.remove(self)
        del self._queued[station]
        if not self._queued and not self.granted.done():
            self.granted.set_exception(error)

    def move(self, station: "Station", error: GatewayError) -> None:
        """One of its backends was ejected: it waits for the others; with no other, and no other model, it stays."""
        for other in self.targets:
            if other is not station and other.sound:
                self.join(other)
        if self.spare or len(self._queued) > 1:
            self.lose(station, error)

    def moved(self, station: "Station", place: int) -> None:
        """Its place at one of its backends was counted anew."""
        if station in self._queued:
            self._queued[station] = place
            self.tell()

    def tell(self) -> None:
        """Says the best place over its queues and the shortest wait, where the place changed."""
        place = min(self._queued.values(), default=0)
        if self._told is not None and place not in (0, self._place):
            self._place = place
            self._told(place, min(station.slots.wait(at) for station, at in self._queued.items()))


class Seat:
    """A slot at a backend, held for one request. Release it on every way out; a second release does nothing."""

    def __init__(self, station: "Station", target: Target, others: Sequence["Station"], spare: bool) -> None:
        self.target = target
        self.adapter = station.adapter
        self._station: Station | None = station
        self._others = others
        self._spare = spare
        self._trial = station.ejection.take()
        self._since = time.monotonic()

    def release(self, used: bool = True) -> None:
        """Frees the slot for the next in turn; unused ones do not count for the speed."""
        station, self._station = self._station, None
        if station is not None:
            if self._trial:
                station.ejection.give_up()
            station.freed(self.adapter, time.monotonic() - self._since if used else None)

    @property
    def ejected(self) -> bool:
        """Whether its backend gets no requests at the moment."""
        return self._station is not None and self._station.ejection.ejected

    def began(self) -> None:
        """The first of the answer is here: a trial has succeeded."""
        if self._trial and self._station is not None:
            self._station.judge(self._station.ejection.began(trial=True), "readmitted")

    def worked(self) -> None:
        """The answer was whole."""
        if self._station is not None:
            trial, self._trial = self._trial, False
            self._station.judge(self._station.ejection.worked(trial=trial), "readmitted")

    def failed(self, error: GatewayError) -> None:
        """It was refused or broke off: counts against the backend where that was the backend's fault."""
        if self._station is None or not isinstance(error, FAILURES):
            return
        trial, self._trial = self._trial, False
        last = not self._spare and not any(other.sound for other in self._others)
        self._station.noted("failed")
        self._station.judge(self._station.ejection.failed(trial=trial, last=last), "ejected")

    async def keep_pace(self) -> None:
        """Waits until the backend's `pace` lets one more request start; cancelled, the slot goes back."""
        if self._station is not None and self._station.pace is not None:
            try:
                await self._station.pace.acquire()
            except BaseException:
                self.release(used=False)
                raise


class Station:
    """Everything about one backend that lives longer than a request and survives a reload."""

    def __init__(self, backend: Backend, adapter: Adapter, retire: Callable[[Adapter], None]) -> None:
        self.slots = Slots(backend.slots)
        self.queue: FairQueue[Waiter] = FairQueue(backend.queue.length)
        self._retire = retire
        self._leases: Counter[Adapter] = Counter()
        self._telling: asyncio.TimerHandle | None = None
        self._tell_took = 0.0
        self.ejection = Ejection()
        self.turn = 0.0
        """Virtual time of its next turn among backends that are equally busy (infra.backends.choice)."""
        self.removed = False
        self.noted: Callable[[str], None] = lambda _: None
        """Told what happened to it: failed, ejected, readmitted."""
        self.returned: Callable[[Station], None] = lambda _: None
        self.look_again = asyncio.Event()
        """Set where the next probe should not wait for its time."""
        self._equip(backend, adapter)

    def _equip(self, backend: Backend, adapter: Adapter) -> None:
        self.backend, self.adapter = backend, adapter
        adapter.noticed = self.notice
        self.up: bool | None = None
        self.probe = Probe(up=False, why="It was not looked at yet.")
        self.last_error: str | None = None
        self.checked_us: int | None = None
        self.retry_seconds = 1.0
        self.pace = AsyncLimiter(backend.pace.count, backend.pace.seconds) if backend.pace else None
        self.slots.total, self.queue.length = backend.slots, backend.queue.length

    def replace(self, backend: Backend, adapter: Adapter) -> None:
        """New settings; running requests keep the adapter they have, which closes after the last of them."""
        old = self.adapter
        self._equip(backend, adapter)
        self.ejection = Ejection()
        if not self._leases[old]:
            self._retire(old)
        self.look_again.set()
        self.grant()

    def remove(self) -> None:
        """Taken out of gateway.yaml: nobody is seated any more, running requests finish."""
        self.removed = True
        self.dismiss(NoBackend("The backend of this model was taken out of service.", retry_after=1))
        if not self._leases[self.adapter]:
            self._retire(self.adapter)

    @property
    def sound(self) -> bool:
        """Up as far as is known, and not ejected."""
        return not self.removed and self.up is not False and not self.ejection.ejected

    def take(self, targets: Mapping["Station", Target], spare: bool) -> Seat:
        """A slot with the adapter of now; the caller has looked whether one is free. `targets`: all that could serve
        the request; `spare`: so could another model."""
        self.slots.take()
        self._leases[self.adapter] += 1
        return Seat(self, targets[self], [other for other in targets if other is not self], spare)

    def freed(self, adapter: Adapter, seconds: float | None) -> None:
        """A slot came back: the next in turn gets it."""
        self.slots.give(seconds)
        self._leases[adapter] -= 1
        if not self._leases[adapter]:
            del self._leases[adapter]
            if self.removed or adapter is not self.adapter:
                self._retire(adapter)
        self.grant()

    def grant(self) -> None:
        """Gives free slots to those who wait, in their order."""
        while self.slots.free and (waiter := self.queue.pop()) is not None:
            waiter.leave()
            waiter.granted.set_result(self.take(waiter.targets, waiter.spare))
            self.tell_soon()

    def place(self, user: str, weight: int, rank: Rank) -> int:
        """Of one who would come now, from 1."""
        return self.queue.ahead(user, weight, rank) + 1

    def tell_soon(self) -> None:
        """Tells the waiting ones their places, many changes at once and never for more than a part of the time."""
        if self._telling is None and len(self.queue):
            delay = max(TELL_SECONDS, self._tell_took * TELL_RARELY)
            self._telling = asyncio.get_running_loop().call_later(delay, self._tell)

    def _tell(self) -> None:
        self._telling = None
        began = time.monotonic()
        for place, waiter in enumerate(list(self.queue.order()), 1):
            waiter.moved(self, place)
        self._tell_took = time.monotonic() - began

    def notice(self, error: GatewayError | None) -> None:
        """How a request ended at the door: a refused connect is down until a probe says otherwise."""
        if error is None:
            if self.up is not True:
                self.look_again.set()
            self.come_up()
            return
        self.last_error = error.message
        if isinstance(error, NotSent):
            self.probe = replace(self.probe, up=False, why=error.message)
            self.go_down()

    def learn(self, probe: Probe, now_us: int) -> None:
        """What a probe found."""
        self.probe, self.checked_us = probe, now_us
        if probe.up:
            self.come_up()
        else:
            self.go_down()

    def come_up(self) -> None:
        """Those who wait elsewhere for the same model may now be served here too."""
        was, self.up = self.up, True
        if was is False:
            self.returned(self)

    def go_down(self) -> None:
        """Nobody is seated here until it is up again; who waits only for it is told now."""
        if self.up is not False:
            self.up = False
            self.look_again.set()
        self.dismiss(NoBackend("The backend of this model does not answer.", retry_after=self.retry_seconds))

    def judge(self, changed: bool, what: str) -> None:
        """After an outcome that may have changed whether it is ejected."""
        if not changed:
            return
        self.noted(what)
        if what == "readmitted":
            self.returned(self)
            return
        error = NoBackend("The backend of this model fails again and again.", retry_after=self.ejection.left or 1)
        for waiter in list(self.queue.order()):
            waiter.move(self, error)

    def dismiss(self, error: GatewayError) -> None:
        """Empties the queue."""
        for waiter in list(self.queue.order()):
            waiter.lose(self, error)
