"""What a process and the others on its database know of each other: its lease, and the connection by which all its
backends' slots are asked for (`infra.backends.holding`)."""

import asyncio
import logging
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.backends.lease import Lease
from infra.backends.pace import Start, Turn
from infra.backends.shares import Claim, Leave, Report, Share
from infra.backends.trial import Trial
from infra.ledger.life import Sign
from infra.ledger.vault import COMMIT_SECONDS_MAX
from infra.ledger.writer import Writer
from infra.store.clock import SECOND_US

if TYPE_CHECKING:
    from infra.backends.holding import Holding

log = logging.getLogger("aethergate.backends")
QUIET_SECONDS = 10.0
"""After a database that was away, and at the start, a process whose lease has run out is not yet taken for dead: it
could not renew it either."""
FENCE_US = 2 * SECOND_US
"""Nor for so long after its lease: by then it has ended what it had running, if it lives (`Sharing._look`)."""
LOOK_SECONDS = 0.25
"""How often a process looks whether its lease runs. What it ends it ends at the second look: one that stood still takes
what has come meanwhile first."""
GRACE_US, LONG_US = 60 * SECOND_US, 86_400 * SECOND_US
"""At the start, and after an outage, however long it was."""


class Sharing:
    """One per process; `writer` has a connection of its own and batches what all backends ask."""

    def __init__(self, writer: Writer, instance: str, lease: Lease, lost: Callable[[], None] = lambda: None) -> None:
        self.instance, self.lease = instance, lease
        self._lost = lost
        """Called while the lease is over, and once it was: what others may have in our place must end."""
        self._number = lease.number
        self._doubtful = False
        self._looking: asyncio.TimerHandle | None = None
        self._writer = writer
        self.holdings: weakref.WeakSet[Holding] = weakref.WeakSet()
        self._told: set[str] = set()
        self._sign = Sign()
        self._standing: set[tuple[str, str]] = set()
        self._quiet_until = 0.0
        self._grace_us = GRACE_US

    async def start(self) -> None:
        """Connects; raises what the driver raises."""
        await self._writer.start()
        self._quiet_until = asyncio.get_running_loop().time() + QUIET_SECONDS
        self._number = self.lease.number
        self._look()

    async def stop(self) -> None:
        """Gives everything back and disconnects."""
        if self._looking is not None:
            self._looking.cancel()
        self._sign.take_down()
        if self._told:
            self._writer.submit(Leave(tuple(sorted(self._told))))
        await self._writer.stop()

    def tell(self, report: Report) -> "asyncio.Future[Share]":
        """Answered after the commit, or with BillingUnavailable."""
        self._told.add(report.backend)
        return self._writer.submit(report)

    def turn(self, start: Start) -> "asyncio.Future[Turn]":
        """Answered after the commit, or soon with BillingUnavailable."""
        return self._writer.submit(start, patience=COMMIT_SECONDS_MAX)

    def trial(self, trial: Trial) -> "asyncio.Future[bool]":
        """Answered after the commit, or soon with BillingUnavailable."""
        return self._writer.submit(trial, patience=COMMIT_SECONDS_MAX)

    def leave(self, backend: str) -> None:
        """Nothing of this backend is wanted here any more."""
        self._told.discard(backend)
        self._writer.submit(Leave((backend,)))

    def failed(self) -> None:
        """The database did not answer: what is held stays, more there is not."""
        self._quiet_until, self._grace_us = asyncio.get_running_loop().time() + QUIET_SECONDS, LONG_US

    def lapsed(self) -> None:
        """The lease came too late: others may have got the slots, and all that is needed is asked for anew."""
        self._sign.take_down()
        for holding in list(self.holdings):
            holding.exchange()

    def _look(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        was, self._doubtful = self._doubtful, self.lease.over or self.lease.number != self._number
        if not (was and self._doubtful):
            return
        self._lost()
        if self.lease.over and self.lease.number and not any(holding.busy for holding in self.holdings):
            self._sign.show()  # before the lease is renewed nothing starts
        if all(holding.sure() for holding in self.holdings):  # what runs under the new lease is known everywhere
            self._number = self.lease.number

    def heard(self, backend: str, others: tuple[Claim, ...]) -> None:
        """Who has slots of it; what cannot be had before the owner does something is told once."""
        before = {who for who in self._standing if who[0] == backend}
        now = {(backend, other.instance): other for other in others if other.stands is not None}
        self._standing = (self._standing - before) | now.keys()
        for who, other in now.items():
            if who not in before:
                log.warning(
                    "process %d stands still and keeps %d slots of %s; end it to free them",
                    other.stands, other.slots, backend,
                    extra={"pid": other.stands, "slots": other.slots, "backend": backend},
                )  # fmt: skip

    @property
    def grace_us(self) -> int:
        """How long after the end of its lease a process still counts."""
        return self._grace_us if asyncio.get_running_loop().time() < self._quiet_until else FENCE_US
