"""Tells those who wait for a backend their places."""

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.backends.station import Station

TELL_SECONDS = 0.2
"""They are told at most so often."""
TELL_RARELY = 50
"""And with so many times the time in between that it took to count the places."""


class Places:
    """Of one backend's queue."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._timer: asyncio.TimerHandle | None = None
        self._took = 0.0

    def changed(self) -> None:
        """Many changes are told at once, and never for more than a part of the time."""
        if self._timer is None and len(self._station.queue):
            delay = max(TELL_SECONDS, self._took * TELL_RARELY)
            self._timer = asyncio.get_running_loop().call_later(delay, self._tell)

    def _tell(self) -> None:
        self._timer = None
        began = time.monotonic()
        for place, waiter in enumerate(list(self._station.queue.order()), 1):
            waiter.moved(self._station, place)
        self._took = time.monotonic() - began
