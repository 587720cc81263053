"""Waiting for the database without falling asleep.

A core with nothing to do is put to sleep by the system. To wake it, and to have it fast again, takes as long as a short
statement. So what a lone request waits for is waited for awake: the event loop goes on looking at its sockets, for a
millisecond at most, and only while the database answers within that. Whoever else wants the core gets it each time;
where there is only one, the database itself would have to wait for its turns, and nobody stays awake.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator

SECONDS_MAX = 0.001
_yield_core: Callable[[], None] | None = getattr(os, "sched_yield", None) if (os.cpu_count() or 1) > 1 else None


class Awake:
    """Of one connection. `clock` gives monotonic seconds; `yield_core` lets others run, None: nobody stays awake."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, yield_core: Callable[[], None] | None = _yield_core
    ) -> None:
        self._clock, self._yield_core = clock, yield_core
        self._quick = True
        """The last answer came within the time."""

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around an `await` of an answer."""
        until = self._clock() + SECONDS_MAX
        loop = asyncio.get_running_loop()
        yield_core = self._yield_core
        handle: asyncio.Handle | None = None

        def look() -> None:
            nonlocal handle
            assert yield_core is not None
            yield_core()
            handle = loop.call_soon(look) if self._clock() < until else None

        if self._quick and yield_core is not None:
            handle = loop.call_soon(look)
        try:
            yield
        finally:
            if handle is not None:
                handle.cancel()
            self._quick = self._clock() < until
