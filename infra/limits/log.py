"""One exact sliding window: the log of what passed.

It holds (now − seconds, now]: what passed at t has left at exactly t + seconds. Times are nanoseconds of a monotonic
clock, integers, so that "exactly" means it. Memory: 16 bytes per instant in the window, and as much again until the
array is cut: 5000/d costs a key that uses all of it 80 to 160 kB.
"""

from array import array
from bisect import bisect_left

NANOSECONDS = 1_000_000_000
AMOUNT_MAX = 2**62
"""What one instant can hold; beyond every limit that can be written (units.rate: 10¹⁸)."""
_COMPACT_FROM = 64


class Log:
    """What passed in one window: instants in order, each with its amount."""

    __slots__ = ("amounts", "head", "span_ns", "times", "used")

    def __init__(self, span_ns: int) -> None:
        self.times = array("q")
        self.amounts = array("q")
        self.head = 0  # before it lies what has left; cutting an array's front at every step would copy it each time
        self.used = 0
        self.span_ns = span_ns

    def advance(self, now: int, span_ns: int) -> None:
        """Let go of what has left a window of `span_ns`."""
        self.span_ns = span_ns
        times, head = self.times, self.head
        while head < len(times) and times[head] + span_ns <= now:
            self.used -= self.amounts[head]
            head += 1
        if head > _COMPACT_FROM and head * 2 > len(times):
            del times[:head], self.amounts[:head]
            head = 0
        self.head = head

    def add(self, now: int, amount: int) -> None:
        """Count `amount` at `now`, which is never before the last instant."""
        self.used += amount
        if self.head < len(self.times) and self.times[-1] == now:
            self.amounts[-1] += amount
        else:
            self.times.append(now)
            self.amounts.append(amount)

    def amend(self, at: int, delta: int) -> None:
        """Change what was counted at the instant `at`; nothing where it has left."""
        found = bisect_left(self.times, at, lo=self.head)
        if found < len(self.times) and self.times[found] == at:
            before = self.amounts[found]
            self.amounts[found] = min(max(before + delta, 0), AMOUNT_MAX)
            self.used += self.amounts[found] - before

    def wait_ns(self, now: int, excess: int) -> int:
        """Until `excess` has left; 0 where there is none. `excess` is at most what is used."""
        if excess <= 0:
            return 0
        index = self.head
        while (excess := excess - self.amounts[index]) > 0:
            index += 1
        return self.times[index] + self.span_ns - now

    def empty_ns(self, now: int) -> int:
        """Until all has left; 0 where nothing is inside."""
        return self.times[-1] + self.span_ns - now if self.head < len(self.times) else 0
