"""This process's lease (docs/ledger.md, Leases and recovery) by its own clock, which runs on while the process stands
still: once it has run out, others may have its slots, whatever this process believes to hold."""

import time
from collections.abc import Callable

from infra.ledger.vault import LEASE_SECONDS


def now() -> float:
    """Seconds of a clock that nobody sets, and that counts the time in which the machine slept where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Lease:
    """`number` goes up with every renewal that came too late: what was held before it is not held any more."""

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self.clock = clock
        self.number = 0
        self._until = clock()

    @property
    def over(self) -> bool:
        """Nobody can know whether anything is still held. Never later than others may think so."""
        return self.clock() >= self._until

    def renewed(self, asked: float) -> bool:
        """The database has it, asked for at `asked` by `clock`; True where it had run out before."""
        late = self.over
        self.number += late
        self._until = asked + LEASE_SECONDS
        return late
