"""Who waits for a slot of one backend: fair among users by deficit round-robin, first in first out within one user.

Shreedhar, Varghese: "Efficient Fair Queuing using Deficit Round Robin" (1995). Every request costs the same, the
largest weight that waits; a user's visit earns its weight. So the heaviest user gets one request per round, and others
their share of that: served in proportion, without bursts.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Line(Generic[T]):
    """One user's waiting requests, and what the user's visits have earned."""

    user: str
    weight: int
    deficit: int = 0
    waiting: deque[T] = field(default_factory=deque)

    def copy(self) -> "Line[T]":
        return Line(self.user, self.weight, self.deficit, deque(self.waiting))


class FairQueue(Generic[T]):
    """No clock and no tasks: the pool decides when somebody is served; `length` bounds how many wait."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._lines: dict[str, Line[T]] = {}
        self._round: deque[Line[T]] = deque()
        """Every line once, the next to be visited first."""
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def push(self, item: T, user: str, weight: int) -> None:
        """At the end of the user's line; the caller has looked at the length."""
        line = self._lines.get(user)
        if line is None:
            line = self._lines[user] = Line(user, 1)
            self._round.append(line)
        line.weight = max(1, weight)
        line.waiting.append(item)
        self._size += 1

    def pop(self) -> T | None:
        """The next in turn, None where nobody waits."""
        if not self._round:
            return None
        line, item = _serve(self._round)
        self._size -= 1
        self._forget_empty(line)
        return item

    def remove(self, item: T, user: str) -> bool:
        """Takes one out who does not wait any more; False where it was not here."""
        line = self._lines.get(user)
        if line is None or item not in line.waiting:
            return False
        line.waiting.remove(item)
        if not line.waiting:
            self._round.remove(line)
        self._size -= 1
        self._forget_empty(line)
        return True

    def order(self) -> Iterator[T]:
        """Everyone in the order in which they would be served if nobody came or left."""
        lines = deque(line.copy() for line in self._round)
        while lines:
            yield _serve(lines)[1]

    def _forget_empty(self, line: Line[T]) -> None:
        """An empty line goes with its deficit: nobody saves up turns while not waiting."""
        if not line.waiting:
            del self._lines[line.user]


def _serve(lines: deque[Line[T]]) -> tuple[Line[T], T]:
    """The next in turn of lines that are not empty; a line that becomes empty leaves the round."""
    cost = max(line.weight for line in lines)
    while True:
        line = lines.popleft()
        line.deficit += line.weight
        if line.deficit < cost:
            lines.append(line)
            continue
        line.deficit -= cost
        item = line.waiting.popleft()
        if line.waiting:
            lines.append(line)
        return line, item
