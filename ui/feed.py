"""What happens at the gateway, heard once for all open pages.

One subscription to the admin API's event stream in this process; pages compare counts and ask anew when theirs moved.
A gateway without such a stream, or one that is away, is no trouble here: pages also ask every few seconds.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence

from infra.client import AdminClient, ApiError, ClientError

AGAIN_SECONDS = 2.0
"""Until the next try after a stream that ended."""
UNKNOWN_SECONDS = 60.0
"""Until the next try where the gateway has no such stream."""
WANTED_SECONDS = 30.0
"""For so long after a page last said that it listens, the stream is read."""


class Feed:
    """The subscription; it begins with the first page that listens, and rests when none does any more."""

    def __init__(self, find_client: Callable[[], AdminClient | None]) -> None:
        self._find_client = find_client
        self._counts: Counter[str] = Counter()
        self._following: asyncio.Task[None] | None = None
        self._wanted_until = 0.0
        self.live = False
        """Whether events arrive now."""

    def heard(self, kinds: Sequence[str]) -> int:
        """How many events came whose name begins with one of `kinds`, as "request." does; only ever grows."""
        return sum(many for name, many in self._counts.items() if name.startswith(tuple(kinds)))

    def listen(self) -> None:
        """A page listens, for now."""
        self._wanted_until = time.monotonic() + WANTED_SECONDS
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Ends the subscription."""
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following

    @property
    def _wanted(self) -> bool:
        return time.monotonic() < self._wanted_until

    async def _follow(self) -> None:
        while self._wanted and (asking := self._find_client()) is not None:
            pause = AGAIN_SECONDS
            try:
                async for event in asking.events():
                    self.live = True
                    self._counts[event.kind] += 1
                    if not self._wanted:
                        return
            except ApiError as refused:
                pause = UNKNOWN_SECONDS if refused.status == 404 else AGAIN_SECONDS
            except (ClientError, ValueError):
                pause = AGAIN_SECONDS  # away, or something else answers there: pages say so themselves
            finally:
                self.live = False
            await asyncio.sleep(pause)
