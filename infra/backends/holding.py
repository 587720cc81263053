"""How this process comes by slots of backends that other processes send to as well, and gives them back.

A slot that it holds is used without asking anybody. It asks the database where somebody waits and no slot is free here;
it gives back what others wait for and have more right to (`infra.backends.shares`), and what it did not need for a
second. The database always counts at least what a process uses, so all of them together never use more than there are.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from infra.backends import trial
from infra.backends.pace import Start, Turn
from infra.backends.queue import Rank
from infra.backends.shares import Claim, Report, Share, heir, portion
from infra.backends.sharing import Sharing
from infra.ledger.patience import unavailable
from infra.ledger.vault import COMMIT_SECONDS_MAX

if TYPE_CHECKING:
    from infra.backends.station import Station

BEAT_SECONDS = 1.0
"""How often slots are rebalanced where nobody waits."""
ASK_SECONDS_MIN = 0.05
ASKS_PER_REQUEST = 40
"""Who waits asks so often in the time that a request takes: what another one gave back lies idle for 1 % of that."""
HEAR_SECONDS_MIN = 0.2
HEARS_PER_REQUEST = 10
"""Who holds all slots, and has a queue, looks so often who waits elsewhere: an owner, or a user's only request."""
LATE_SECONDS = 0.25
"""How often it is looked whether the database still owes an answer; longer than spending waits, nobody waits here."""


class Holding:
    """What this process holds of one backend."""

    def __init__(self, sharing: Sharing, station: "Station") -> None:
        self._sharing, self._station = sharing, station
        sharing.holdings.add(self)
        self.others: tuple[Claim, ...] = ()
        self._trial = trial.Claim(sharing, station.backend.name)
        self._flying: asyncio.Future[Share] | None = None
        self._again = False
        self._wanted = False
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._spell: tuple[int, int] | None = None
        """Since when somebody waits here, for whom virtual time is `_ahead` of what it is among all processes."""
        self._ahead = 0
        self._laid = self._laid_told = False
        """One is laid down for somebody else: the next one is when that was taken."""
        self._number = self._told = -1
        """Of the lease under which the database answered last, and was told last, what is held here."""
        station.slots.leased, station.slots.sure = station.slots.busy, self.sure

    # --- what the station needs to know -------------------------------------------------------------------------------

    @property
    def spare(self) -> int:
        """Slots that nobody held when the database was last asked: one who comes now may well get one."""
        slots = self._station.slots
        if any(other.waiting for other in self.others):
            return 0
        return max(0, slots.total - slots.usable - sum(other.slots for other in self.others))

    @property
    def busy(self) -> int:
        """Requests of this process that are at the backend."""
        return self._station.slots.busy

    @property
    def number(self) -> int:
        """Of the lease under which the slots are held."""
        return self._number

    def sure(self) -> bool:
        """Whether the slots are held without doubt: the lease runs, and has run since the database was asked last."""
        lease = self._sharing.lease
        return self._number == lease.number and not lease.over

    @property
    def waiting_elsewhere(self) -> int:
        """How many wait in other processes."""
        return sum(other.waiting for other in self.others)

    def turn(self, start: Start) -> "asyncio.Future[Turn]":
        """A turn in the backend's pace, which is one for all processes; raises BillingUnavailable."""
        return self._sharing.turn(start)

    def may_try(self) -> bool:
        """Whether a trial of the ejected backend is for this process."""
        return not self.others or self._trial.held

    async def claim_trial(self) -> None:
        """Others may want to try it as well."""
        if self.others:
            await self._trial.ask()

    def part(self, length: int) -> int:
        """How many of those that may wait for the backend may wait here."""
        return portion(length, self._sharing.instance, self.others)

    # --- what happens -------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Somebody waits here."""
        slots = self._station.slots
        if not slots.free and slots.usable < slots.total:
            self.exchange()
        elif self._station.lacking == 1 and self._flying is None:
            self._beat_in(self._pause())  # sooner than while nobody waited

    def want(self) -> None:
        """No slot is held here, and the next to come should find one: asked for with the next beat, as the last."""
        self._wanted = True

    def freed(self) -> None:
        """A slot came back: it stays unless others have more right to it."""
        slots = self._station.slots
        held = slots.leased or 0
        first, left = heir(self._claim(), self.others), slots.total - held - sum(other.slots for other in self.others)
        if self._ended or left < 0:
            slots.leased = max(slots.busy, held - 1)
        elif first is not None and not left and not self._laid:
            self._laid, slots.leased = True, max(slots.busy, held - 1)
            self.others = tuple(other.with_one_more() if other is first else other for other in self.others)
        else:
            return
        self.exchange()

    def end(self) -> None:
        """The backend was taken out of gateway.yaml: what runs finishes, and then nothing is held."""
        self._ended = True
        self.exchange()

    def close(self) -> None:
        """The process ends."""
        self._ended = True
        self._sharing.holdings.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    # --- the talk with the database -----------------------------------------------------------------------------------

    def exchange(self) -> None:
        """Tells what is kept and who waits; one at a time."""
        if self._flying is not None:
            self._again = True
            return
        if self._timer is not None:
            self._timer.cancel()
        slots = self._station.slots
        if self._ended and not slots.busy:
            self._sharing.leave(self._station.backend.name)
            return
        self._told = self._sharing.lease.number
        if self._number != self._told:
            slots.leased = slots.busy  # others may have got the rest while we were taken for dead
        mine = self._claim()
        slots.leased = mine.slots
        time, spell = self._time(mine.rank)
        fresh = mine.waiting > 0 and spell != self._spell
        report = Report(
            self._station.backend.name, slots.total, mine.slots, mine.waiting, mine.rank, mine.weight, mine.passed,
            fresh, self._sharing.grace_us,
        )  # fmt: skip
        self._again, self._laid_told = False, self._laid
        self._flying = self._sharing.tell(report)
        if fresh:
            self._flying.add_done_callback(partial(self._began, time, spell))
        self._flying.add_done_callback(self._answered)
        self._timer = asyncio.get_running_loop().call_later(COMMIT_SECONDS_MAX, self._late)

    def _late(self) -> None:
        """Whoever waits could not pay either: what cannot be asked for a slot cannot be asked for a hold."""
        self._station.dismiss(unavailable())
        self._timer = asyncio.get_running_loop().call_later(LATE_SECONDS, self._late)

    def _claim(self) -> Claim:
        slots, best = self._station.slots, self._station.queue.best()
        nobody = (Rank.IDLE, 1, 1) if self._wanted and not slots.leased else (0, 0, 1)
        rank, waiting, weight = best if best is not None and self._station.lacking and not self._ended else nobody
        passed = self._time(rank)[0] - self._ahead
        return Claim(self._sharing.instance, slots.leased or 0, waiting, int(rank), weight, passed)

    def _time(self, rank: int) -> tuple[int, tuple[int, int]]:
        time, times = self._station.queue.time(Rank(rank))
        return time, (rank, times)

    def _began(self, time: int, spell: tuple[int, int], answer: "asyncio.Future[Share]") -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._spell, self._ahead = spell, time - answer.result().passed

    @property
    def _needed(self) -> int:
        """Slots that are used, or will be by those who wait for the pace alone."""
        return self._station.slots.busy + len(self._station.queue)

    def _beat(self) -> None:
        """What was idle for a whole beat goes back, where there is anybody else; where they wait, all that is idle."""
        slots = self._station.slots
        if self.others and not self._station.lacking:
            needed = self._needed if self.waiting_elsewhere else max(self._needed, slots.peak)
            slots.leased = min(slots.leased or 0, needed)
        slots.peak = slots.busy
        self.exchange()

    def _answered(self, answer: "asyncio.Future[Share]") -> None:
        self._flying = None
        self._laid, got = self._laid and not self._laid_told, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if answer.exception() is not None:
            self._sharing.failed()
            self._station.dismiss(unavailable())
        else:
            share, self._number = answer.result(), self._told
            if share.others and self._station.pace is not None:
                self._station.pace.meet(self)  # before anything is given back: then nobody else has started anything
            self.others, got = share.others, share.granted
            self._sharing.heard(self._station.backend.name, share.others)
            self._station.slots.leased = (self._station.slots.leased or 0) + got
            self._wanted = self._wanted and not got
            self._give_back_what_others_got()
        self._station.settled()
        slots, waiting = self._station.slots, self._station.lacking
        if self.waiting_elsewhere and not waiting and (slots.leased or 0) > self._needed:
            slots.leased, self._again = self._needed, True
        if self._again or (got and waiting and self.others):
            self.exchange()
        elif not self._ended:
            self._station.turn_away()
            self._beat_in(self._pause())

    def _beat_in(self, seconds: float) -> None:
        """Never later than it was to come."""
        when = asyncio.get_running_loop().time() + seconds
        if self._timer is not None:
            when = min(when, self._timer.when())
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._beat)

    def _give_back_what_others_got(self) -> None:
        """A process that stood still beyond its lease was taken for dead: what is idle here is not its own any more."""
        slots, held = self._station.slots, self._station.slots.leased or 0
        over = held + sum(other.slots for other in self.others) - slots.total
        if over > 0 and held > slots.busy:
            slots.leased, self._again = max(slots.busy, held - over), True

    def _pause(self) -> float:
        slots = self._station.slots
        if not self._station.lacking or not self.others:
            return BEAT_SECONDS
        if slots.usable >= slots.total:
            return min(BEAT_SECONDS, max(HEAR_SECONDS_MIN, slots.seconds / HEARS_PER_REQUEST))
        return min(BEAT_SECONDS, max(ASK_SECONDS_MIN, slots.seconds / ASKS_PER_REQUEST))
