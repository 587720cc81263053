"""What a process may count in a window without asking the database: a block that is written there before it is used.

A block is only given to a process that is alone on the database, in a window that is busy and less than half full, and
lives for a sixtieth of the window, at most a second. The database holds all of it as used until its owner says what it
took; of a process that dies it stays used until it has left the window. So nothing passes twice, whoever dies or comes.
"""

import time
from dataclasses import dataclass, field

from infra.store.clock import SECOND_US
from infra.units import Rate

LIFE_SECONDS = 1.0
"""How long what is known of the others holds: that there are none."""
_LIVES_PER_WINDOW = 60
_LIFE_SECONDS_MIN = 0.1
"""A block that lives shorter is not worth its way."""
_PARTS = 8


def life(rate: Rate) -> float:
    """Seconds in which a block is used; 0: there is none in so short a window."""
    seconds = min(LIFE_SECONDS, rate.seconds / _LIVES_PER_WINDOW)
    return seconds if seconds >= _LIFE_SECONDS_MIN else 0.0


def ahead(used: int, rate: Rate) -> int:
    """How large a block is, where so much is used already."""
    if not life(rate):
        return 0
    return max(0, min(rate.count // 2 - used, rate.count // _PARTS))


@dataclass(slots=True, eq=False)
class Row:
    """One row of `window_entries`: what a process counted there in one batch, and `left` of it to be counted yet."""

    window: str
    rate: Rate
    id: str
    at_us: int
    opened: float
    """Monotonic seconds, before the database was asked: what counts from here on lasts long enough."""
    amount: int = 0
    """What the row says, or shall say."""
    left: int = 0
    open: bool = False
    queued: bool = False
    """It is on its way to the database."""
    last: float = field(default=0.0)
    """Monotonic seconds of the last that was counted after it was opened."""

    @property
    def until_us(self) -> int:
        """When the last of it leaves the window, by the database's clock."""
        late = life(self.rate) if self.open else max(0.0, self.last - self.opened)
        return self.at_us + self.rate.seconds * SECOND_US + int(late * SECOND_US)

    def begin(self, left: int) -> None:
        """So much may be counted later."""
        self.open, self.left, self.amount = True, left, self.amount + left

    def ready(self, now: float, rate: Rate, amount: int) -> bool:
        """Whether so much can be counted here at this moment."""
        return self.open and self.left >= amount and self.rate == rate and now < self.opened + life(rate)

    def count(self, now: float, amount: int) -> None:
        """So much was used of what was left."""
        self.left -= amount
        self.last = now

    def close(self) -> None:
        """Nothing is counted here any more: what is left goes back."""
        self.amount -= self.left
        self.left, self.open = 0, False

    def correct(self, delta: int) -> bool:
        """What was counted was more or less; whether the row has to say something else now."""
        if self.open and delta <= self.left:
            self.left -= delta
            return False
        self.amount = max(0, self.amount + delta)
        return True


@dataclass(slots=True)
class Spare:
    """Places that the database counts for this process, and that nobody has at the moment."""

    most: int
    count: int = 0
    touched: float = field(default_factory=time.monotonic)
