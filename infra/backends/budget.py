"""How many requests may be tried again elsewhere, so that failing backends do not double the load of the others."""

import time
from collections import deque
from collections.abc import Callable

SHARE = 0.2
"""Of the requests within the window…"""
LEAST = 10
"""…but so many in any case, or a quiet gateway could never fail over."""
WINDOW_SECONDS = 10.0


class RetryBudget:
    """Of one model. `clock` gives monotonic seconds; kept by whole seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: deque[list[int]] = deque()
        """[second, requests, tries again], oldest first."""

    def request(self) -> None:
        """Counts a request that came in."""
        self._now()[1] += 1

    def spend(self) -> bool:
        """Counts one more try where the budget has room for it; False where not."""
        now = self._now()
        if sum(again for _, _, again in self._seconds) >= max(
            LEAST, SHARE * sum(requests for _, requests, _ in self._seconds)
        ):
            return False
        now[2] += 1
        return True

    def _now(self) -> list[int]:
        second = int(self._clock())
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
            while self._seconds[0][0] <= second - WINDOW_SECONDS:
                self._seconds.popleft()
        return self._seconds[-1]
