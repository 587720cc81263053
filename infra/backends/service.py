"""Whether a backend takes new requests: its hours, and the owner's switch. What runs goes on in any case."""

import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from infra.config.hours import Hours, open_until, opens_at
from infra.errors import NoBackend

DRAINED_SECONDS = 60
"""After how long one may look whether the owner has opened it again."""


class Service:
    """`clock` gives epoch seconds."""

    def __init__(self, hours: tuple[Hours, ...], clock: Callable[[], float] = time.time) -> None:
        self._hours, self._clock = hours, clock
        self.draining = False
        self._known: tuple[float, float, float | None] = (0.0, 0.0, None)
        """From … to this is known, in epoch seconds: when it opens, None while it is open."""

    def opens_at(self) -> float | None:
        """Epoch seconds of the next opening; None while its hours are on, and where it has none."""
        if not self._hours:
            return None
        now = self._clock()
        since, until, opens = self._known
        if not since <= now < until:
            closes = open_until(self._hours, now)
            opens = opens_at(self._hours, now) if closes is None else None
            until = closes if opens is None and closes is not None else opens or now
            self._known = now, until, opens
        return opens

    def closed(self) -> NoBackend | None:
        """Why it takes nothing now, with when it will; None where it is in service."""
        if self.draining:
            return NoBackend(
                "The owner has taken the backend of this model out of service for now.",
                retry_after=DRAINED_SECONDS,
                should_retry=False,
            )
        opens = self.opens_at()
        if opens is None:
            return None
        zone = self._hours[0].zone
        at = datetime.fromtimestamp(opens, ZoneInfo(zone))
        return NoBackend(
            f"The backend of this model is closed now; it opens at {at:%Y-%m-%d %H:%M} ({zone}).",
            retry_after=opens - self._clock(),
        )
