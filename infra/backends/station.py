"""One backend at work: its adapter, its slots, who waits for them, and what its health is."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from infra.backends.adapters.base import Adapter, Probe
from infra.backends.ejection import Ejection
from infra.backends.faults import NotSent
from infra.backends.forecast import lane, seconds
from infra.backends.holding import Holding
from infra.backends.pace import Pace
from infra.backends.places import Places
from infra.backends.queue import FairQueue, Rank
from infra.backends.seat import Seat
from infra.backends.service import Service
from infra.backends.sharing import Sharing
from infra.backends.signs import Signs
from infra.backends.slots import Slots
from infra.backends.waiter import Waiter
from infra.config.objects import Backend, Target
from infra.errors import GatewayError, NoBackend, Overloaded


class Station:
    """Everything about one backend that lives longer than a request and survives a reload."""

    def __init__(self, backend: Backend, adapter: Adapter, retire: Callable[[Adapter], None]) -> None:
        self.slots = Slots(backend.slots)
        self.signs = Signs(self.slots)
        self.queue: FairQueue[Waiter] = FairQueue(backend.queue.length)
        self._retire = retire
        self._leases: Counter[Adapter] = Counter()
        self.places = Places(self)
        self.ejection = Ejection()
        self.turn = 0.0
        """Virtual time of its next turn among backends that are equally busy (infra.backends.choice)."""
        self.removed = False
        self.noted: Callable[[str], None] = lambda _: None
        """Told what happened to it: up, down, failed, ejected, readmitted."""
        self.returned: Callable[[Station], None] = lambda _: None
        self.look_again = asyncio.Event()
        """Set where the next probe should not wait for its time."""
        self.service = Service(backend.available)
        self._was_closed = False
        self.holding: Holding | None = None
        """What this process has of the slots, where others send to the backend too."""
        self.coming = 0
        """Requests that were let in and have not asked for their slot yet."""
        self.shared = 0
        """Of those who wait here, how many wait for other backends, too."""
        self.pace: Pace | None = None
        self._hopeful: list[Waiter] = []
        """Came when the queue was full, since a slot seemed to be free elsewhere."""
        self._equip(backend, adapter)

    def _equip(self, backend: Backend, adapter: Adapter) -> None:
        self.backend, self.adapter = backend, adapter
        adapter.noticed = self.notice
        self.up: bool | None = None
        self.probe = Probe(up=False, why="It was not looked at yet.")
        self.last_error: str | None = None
        self.checked_us: int | None = None
        self.retry_seconds = 1.0
        self.pace = Pace.of(backend, self.pace, self.grant)
        draining = self.service.draining
        self.service = Service(backend.available)
        self.service.draining = draining
        self.slots.total = backend.slots
        self.queue.length = self.holding.part(backend.queue.length) if self.holding else backend.queue.length

    def share(self, sharing: Sharing | None) -> None:
        """With other processes, unless each of them starts a backend of its own."""
        if self.backend.adapter == "embedded":
            sharing = None
        if sharing is not None and self.holding is None:
            self.holding = Holding(sharing, self)
        elif sharing is None and self.holding is not None:
            self.holding.end()
            self.holding, self.slots.leased = None, None
            self.slots.sure = lambda: True
        self.ejection.permit = self.holding.may_try if self.holding is not None else lambda: True
        if self.holding is not None:
            self.holding.exchange()

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
        if self.holding is not None:
            self.holding.end()
        if not self._leases[self.adapter]:
            self._retire(self.adapter)

    @property
    def sound(self) -> bool:
        """Up as far as is known, and not ejected."""
        return not self.removed and self.in_service and not self.ejection.ejected

    @property
    def in_service(self) -> bool:
        """Up as far as is known, and neither drained nor outside its hours."""
        return self.up is not False and self.service.closed() is None

    def take(self, targets: Mapping["Station", Target], spare: bool) -> Seat:
        """A slot with the adapter of now; the caller has looked whether one is free. `targets`: all that could serve
        the request; `spare`: so could another model."""
        self.slots.take()
        if self.pace is not None:
            self.pace.start()
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
        if self.holding is not None:
            self.holding.freed()
        self.grant()

    def grant(self) -> None:
        """Gives free slots to those who wait, in their order, and no faster than the backend's pace."""
        while self.slots.free and self._open and self.service.closed() is None and (waiter := self.queue.pop()):
            waiter.leave()
            waiter.granted.set_result(self.take(waiter.targets, waiter.spare))
            self.places.changed()
        self._look_to_the_pace()

    @property
    def _open(self) -> bool:
        return self.pace is None or self.pace.open(self.holding)

    @property
    def ready(self) -> bool:
        """Whether one who comes now can have a slot at once: nobody waits who comes before."""
        return self.slots.free and (self.pace is None or (not len(self.queue) and self._open))

    def _look_to_the_pace(self) -> None:
        waits = len(self.queue) and self.slots.free and self.service.closed() is None
        if self.pace is not None and waits:  # also where its moment has just come: nobody else would look
            self.pace.want(min(len(self.queue), self.slots.idle), self.holding)

    @property
    def lacking(self) -> int:
        """How many of those who wait have no slot in sight; the others wait for the pace alone."""
        return max(0, len(self.queue) - self.slots.idle)

    def most(self, rank: Rank) -> int:
        """How many may wait when one of this rank comes: a full queue does not keep the owner out."""
        return self.queue.length * (2 if rank is Rank.OWNER else 1)

    def space(self, rank: Rank) -> int:
        """How many more of this rank may come, those that are on their way not counted."""
        return max(0, self.slots.idle + self.most(rank) + self._hope() - len(self.queue)) - self.coming

    def has_room(self, rank: Rank) -> bool:
        """Whether one more may wait: within the length, or where a slot seems to be free elsewhere."""
        return len(self.queue) < self.slots.idle + self.most(rank) + self._hope()

    def _hope(self) -> int:
        """How many slots seem to be free elsewhere, for a queue that lets nobody wait: where some may, those wait for
        these slots, and whoever comes after them is refused at once instead of after a look into the database."""
        return self.holding.spare if self.holding is not None and not self.queue.length else 0

    def came(self, waiter: Waiter) -> None:
        """One more waits here."""
        if len(self.queue) >= self.slots.idle + self.most(waiter.rank):
            self._hopeful.append(waiter)
        self.queue.push(waiter, waiter.user, waiter.weight, waiter.rank)
        self.places.changed()
        self._look_to_the_pace()
        if self.holding is not None:
            self.holding.ask()

    def settled(self) -> None:
        """The slots were divided anew among the processes."""
        if self.holding is not None:
            self.queue.length = self.holding.part(self.backend.queue.length)
        self.grant()

    def turn_away(self) -> None:
        """Those for whom there was a slot elsewhere after all, or not: then the queue is full for them."""
        while self._hopeful and self.lacking > self.queue.length:
            waiter = self._hopeful.pop()
            if not waiter.granted.done():
                wait = seconds([lane(self, len(self.queue))])
                waiter.lose(self, Overloaded("The queue of this model is full.", retry_after=wait))
        self._hopeful.clear()

    def place(self, user: str, weight: int, rank: Rank) -> int:
        """Of one who would come now, from 1."""
        return self.queue.ahead(user, weight, rank) + 1

    def notice(self, error: GatewayError | None) -> None:
        """How a request ended at the door: a refused connect is down until a probe says otherwise."""
        if error is None:
            self.signs.heard()
            if self.up is not True:
                self.look_again.set()
            self.come_up()
            return
        self.last_error = error.message
        if isinstance(error, NotSent):
            self.probe = replace(self.probe, up=False, why=error.message)
            self.go_down()

    def learn(self, probe: Probe, now_us: int) -> None:
        """What a probe found; one that nothing answers tells little where requests get their answers."""
        if probe.silent and self.up and self.signs.works:
            self.checked_us, self.last_error = now_us, probe.why
            return
        self.probe, self.checked_us, self.adapter.known = probe, now_us, probe
        if probe.up:
            self.signs.heard()
            self.come_up()
        else:
            self.go_down()

    def come_up(self) -> None:
        """Those who wait elsewhere for the same model may now be served here too."""
        was, self.up = self.up, True
        if was is not True:
            self.noted("found up" if was is None else "up")
        if was is False:
            self.returned(self)

    def go_down(self) -> None:
        """Nobody is seated here until it is up again; who waits only for it is told now."""
        if self.up is not False:
            self.up = False
            self.noted("down")
            self.look_again.set()
        self.dismiss(NoBackend("The backend of this model does not answer.", retry_after=self.retry_seconds))

    def drain(self, on: bool) -> None:
        """The owner's switch."""
        if on != self.service.draining:
            self.service.draining = on
            self.noted("draining" if on else "resumed")
            self.mind_hours()

    def mind_hours(self) -> None:
        """Where it has closed, those who wait for it alone are told when it opens; where it has opened, they come."""
        error = self.service.closed()
        was, self._was_closed = self._was_closed, error is not None
        if error is not None:
            self.dismiss(error)
        elif was and self.up is not False:
            self.returned(self)

    async def claim_trial(self) -> None:
        """Before a request may find out whether it works again: other processes may want to, as well."""
        if self.ejection.due and self.holding is not None:
            await self.holding.claim_trial()

    def want_trial(self) -> None:
        """Its slots went back to the others while it was out; without one no request would ever try it."""
        if self.ejection.wants_trial and self.holding is not None and not self.slots.free:
            self.holding.want()

    def judge(self, changed: bool, what: str) -> None:
        """After an outcome that may have changed whether it is ejected."""
        if not changed:
            return
        self.noted(what)
        self._act(what)

    def heard(self, what: str, seconds: float) -> None:
        """Another process has ejected it for so long, or found it well again: it is neither noted nor told twice."""
        if self.ejection.heard_out(seconds) if what == "ejected" else self.ejection.heard_back():
            self._act(what)

    def _act(self, what: str) -> None:
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
