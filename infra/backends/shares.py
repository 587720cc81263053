"""Which process gets the next slot of a backend that several processes send to (pure).

Each process holds some of the slots and says who waits there; whatever is decided is decided from one look at all of
them, under a lock of the database. The next slot goes to the best rank that waits anywhere, and among processes of the
same rank by weighted fair queuing (Demers, Keshav, Shenker 1989): virtual time passes in each by 1 / weight of the
users who wait there with each request that is served, and the next one is due where it will be least. So nobody who
waits in one process is served after all who wait in another, however few slots there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.backends.queue import step


@dataclass(frozen=True, slots=True)
class Claim:
    """What one process has of a backend's slots, and who waits there for more."""

    instance: str
    slots: int
    waiting: int = 0
    """How many wait in the best rank that waits."""
    rank: int = 0
    weight: int = 1
    """Of the users who wait in that rank."""
    passed: int = 0
    """Virtual time that has passed for those who wait in that rank."""
    stands: int | None = None
    """Its number, where it stands still: it keeps its slots beyond its lease, and nobody is served there."""

    def turn(self, given_back: int = 0) -> tuple[int, int, float]:
        """The smaller, the sooner its next slot; `given_back`: as if it had so many fewer."""
        return self.rank, self.passed + step(self.weight), (self.slots + 1 - given_back) / max(1, self.weight)

    def with_one_more(self) -> "Claim":
        """Once it got the next slot."""
        passed = self.passed + step(self.weight)
        return replace(self, slots=self.slots + 1, waiting=self.waiting - 1, passed=passed)


@dataclass(frozen=True, slots=True)
class Report:
    """What a process keeps and needs, told to the database; answered by a `Share`."""

    backend: str
    total: int
    """Slots of the backend, as this process read them in gateway.yaml."""
    keep: int
    waiting: int
    rank: int
    weight: int
    passed: int = 0
    fresh: bool = False
    """Nobody waited here before, or in another rank: virtual time begins where it is for those who wait elsewhere."""
    grace_us: int = 0
    """How long after the end of its lease a process still counts as alive."""


@dataclass(frozen=True, slots=True)
class Leave:
    """This process wants nothing of these backends any more."""

    backends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What a process got on top of what it kept, and how the others stand."""

    granted: int
    others: tuple[Claim, ...]
    passed: int = 0
    """Of this process, before it got them."""


def now(rank: int, others: Sequence[Claim]) -> int:
    """The virtual time at which one begins who comes to wait in this rank: nobody saves up turns while not waiting."""
    return min((other.passed for other in others if other.waiting > 0 and other.rank == rank), default=0)


def granted(mine: Claim, total: int, others: Sequence[Claim]) -> int:
    """How many slots more this process gets now: all there are where it is alone, else as many as wait here and whose
    turn it is before those who wait elsewhere."""
    free = total - mine.slots - sum(other.slots for other in others)
    if not others:
        return max(0, free)
    claims, got = [other for other in others if other.waiting > 0], 0
    while free > 0 and mine.waiting > 0:
        first = min(claims, key=Claim.turn, default=mine)
        if first is mine or mine.turn() <= first.turn():
            mine, got = mine.with_one_more(), got + 1
        else:
            claims.remove(first)
            if first.waiting > 1:
                claims.append(first.with_one_more())
        free -= 1
    return got


def heir(mine: Claim, others: Sequence[Claim]) -> Claim | None:
    """Who should have the slot that has just become free in this process; None: it stays here."""
    first = min((other for other in others if other.waiting > 0), key=Claim.turn, default=None)
    if first is None or (mine.waiting > 0 and mine.turn(given_back=1) <= first.turn()):
        return None
    return first


def portion(whole: int, instance: str, others: Sequence[Claim]) -> int:
    """This process's part of something that is divided evenly; the parts of all add up to the whole."""
    everybody = sorted([instance, *(other.instance for other in others if other.stands is None)])
    each, left = divmod(whole, len(everybody))
    return each + (everybody.index(instance) < left)
