"""What nobody waits for: counted, logged and told once the answers are out, many at a time."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger("aethergate.afterwards")

SECONDS = 0.01
"""How long it may wait. A client with one connection asks again sooner than that: what stands between its answer and
its next request is part of what it waits for."""


class Afterwards:
    """One per gateway. In order; `catch_up` at its end, and before Prometheus gets its page."""

    def __init__(self) -> None:
        self._due: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def do(self, what: Callable[..., None], *given: Any) -> None:
        """Calls it soon; what it raises is logged."""
        self._due.append((what, given))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECONDS, self.catch_up)

    def catch_up(self) -> None:
        """Does now what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due, self._due = self._due, []
        for what, given in due:
            try:
                what(*given)
            except Exception:
                log.exception("%s failed", getattr(what, "__qualname__", what))
