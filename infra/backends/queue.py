"""Who waits for a slot of one backend: by rank, then fair among users by deficit round-robin, then in order of arrival.

Shreedhar, Varghese: "Efficient Fair Queuing using Deficit Round Robin" (1995). Every request costs the same, the
largest weight that waits; a user's visit earns its weight. So the heaviest user gets one request per round, and others
their share of that: served in proportion, without bursts. A rank waits until nobody of a better one does.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")


TURN = 1_000_000


def step(weight: int) -> int:
    """How far virtual time passes with one request, for users of so much weight together."""
    return max(1, TURN // max(1, weight))


class Rank(IntEnum):
    """Who goes first: the owner's own keys, then the classes of service tiers."""

    OWNER = 0
    FRONT = 1
    FAIR = 2
    IDLE = 3
    """Served only while nobody else waits."""


@dataclass(slots=True)
class Line(Generic[T]):
    """One user's waiting requests, and what the user's visits have earned."""

    user: str
    weight: int
    deficit: int = 0
    waiting: OrderedDict[T, None] = field(default_factory=OrderedDict)

    def copy(self) -> "Line[T]":
        return Line(self.user, self.weight, self.deficit, OrderedDict(self.waiting))


class Round(Generic[T]):
    """The lines of one rank, the next to be visited first; none of them is empty."""

    def __init__(self) -> None:
        self.lines: OrderedDict[str, Line[T]] = OrderedDict()
        self.weights: Counter[int] = Counter()
        """How many lines have which weight."""
        self.size = 0
        self.passed = self.times = 0
        """Virtual time, and how often somebody came to wait where nobody did."""

    def copy(self) -> "Round[T]":
        found: Round[T] = Round()
        found.lines = OrderedDict((user, line.copy()) for user, line in self.lines.items())
        found.weights, found.size = self.weights.copy(), self.size
        return found

    def push(self, item: T, user: str, weight: int) -> Line[T]:
        line = self.lines.get(user)
        if line is None:
            line = self.lines[user] = Line(user, weight)
        else:
            self._weigh(line, -1)
        line.weight = weight
        self._weigh(line, +1)
        line.waiting[item] = None
        self.times += not self.size
        self.size += 1
        return line

    @property
    def weight(self) -> int:
        """Of all users who wait."""
        return sum(weight * lines for weight, lines in self.weights.items())

    def serve(self) -> T:
        """The next in turn; a line that becomes empty leaves the round."""
        cost = max(self.weights)
        self.passed += step(self.weight)
        while True:
            user, line = next(iter(self.lines.items()))
            self.lines.move_to_end(user)
            line.deficit = _kept(line, cost) + line.weight
            if line.deficit >= cost:
                break
        line.deficit -= cost
        item, _ = line.waiting.popitem(last=False)
        self._left(line)
        return item

    def remove(self, item: T, line: Line[T]) -> None:
        del line.waiting[item]
        self._left(line)

    def _left(self, line: Line[T]) -> None:
        """An empty line goes with its deficit: nobody saves up turns while not waiting."""
        self.size -= 1
        if not line.waiting:
            del self.lines[line.user]
            self._weigh(line, -1)

    def _weigh(self, line: Line[T], change: int) -> None:
        self.weights[line.weight] += change
        if not self.weights[line.weight]:
            del self.weights[line.weight]

    def ahead(self, user: str, weight: int) -> int:
        """How many of these are served before one that `user` pushes now (exact while the largest weight stays)."""
        cost = max([weight, *self.weights])
        mine = self.lines.get(user)
        deficit, position = (_kept(mine, cost), len(mine.waiting) + 1) if mine is not None else (0, 1)
        visits = -(-(position * cost - deficit) // weight)
        found = position - 1
        for line in self.lines.values():
            if line is mine:
                visits -= 1  # those behind come once less before it is our turn
            else:
                found += min(len(line.waiting), (_kept(line, cost) + visits * line.weight) // cost)
        return found


def _kept(line: Line[T], cost: int) -> int:
    """What a line has earned up to now: less than a turn, also where it was earned while a turn cost more."""
    return min(line.deficit, cost - 1)


class FairQueue(Generic[T]):
    """No clock and no tasks: the pool decides when somebody is served; `length` bounds how many wait.

    Whoever comes, leaves or is served costs a moment however many wait: nothing here looks at every waiter but `order`.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self._rounds: dict[Rank, Round[T]] = {rank: Round() for rank in Rank}
        self._where: dict[T, tuple[Round[T], Line[T]]] = {}

    def __len__(self) -> int:
        return len(self._where)

    def push(self, item: T, user: str, weight: int, rank: Rank = Rank.FAIR) -> None:
        """At the end of the user's line; the caller has looked at the length."""
        found = self._rounds[rank]
        self._where[item] = found, found.push(item, user, max(1, weight))

    def pop(self) -> T | None:
        """The next in turn, None where nobody waits."""
        for found in self._rounds.values():
            if found.size:
                item = found.serve()
                del self._where[item]
                return item
        return None

    def remove(self, item: T) -> bool:
        """Takes one out who does not wait any more; False where it was not here."""
        if item not in self._where:
            return False
        found, line = self._where.pop(item)
        found.remove(item, line)
        return True

    def ahead(self, user: str, weight: int, rank: Rank = Rank.FAIR) -> int:
        """How many are served before one that would be pushed now, if nobody came or left."""
        better = sum(found.size for other, found in self._rounds.items() if other < rank)
        return better + self._rounds[rank].ahead(user, max(1, weight))

    def best(self) -> tuple[Rank, int, int] | None:
        """The rank that is served next, how many wait in it, and the weight of their users; None where nobody waits."""
        for rank, found in self._rounds.items():
            if found.size:
                return rank, found.size, found.weight
        return None

    def time(self, rank: Rank) -> tuple[int, int]:
        """Virtual time in a rank, and the number of the time that somebody waits in it without a break."""
        return self._rounds[rank].passed, self._rounds[rank].times

    def weight(self, rank: Rank) -> int:
        """Of the users who wait in a rank."""
        return self._rounds[rank].weight

    def order(self) -> Iterator[T]:
        """Everyone in the order in which they would be served if nobody came or left."""
        for found in self._rounds.values():
            left = found.copy()
            while left.size:
                yield left.serve()
