"""Events for whoever watches the house, and the bounded line in which each watcher waits for them.

Who does not watch costs one look at `listening`. A watcher that is too slow loses events and is told how many; it never
holds anybody up.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from infra.errors import Overloaded, ShuttingDown
from infra.runtime import replies

LINE_MAX = 1_000
"""Events that may wait for a watcher."""
WATCHERS_MAX = 100
RECENT_SECONDS = 5.0
"""Other processes read our board every second; so long an event stays on it."""


class Told(NamedTuple):
    """One event as it goes over the board to other processes."""

    number: int
    at: float
    kind: str
    data: Mapping[str, Any]


class Watcher:
    """One open stream of events, as bytes."""

    def __init__(self) -> None:
        self._line: deque[bytes] = deque()
        self._tick: bytes | None = None
        self._missed = 0
        self._more = asyncio.Event()
        self.ended = ""
        """Why no more events come; empty while they do."""

    def put(self, event: bytes) -> None:
        """One more event; where the line is full, all that wait are lost."""
        if len(self._line) >= LINE_MAX:
            self._missed += len(self._line)
            self._line.clear()
        self._line.append(event)
        self._more.set()

    def tick(self, event: bytes) -> None:
        """Figures of this second, in the place of older ones that nobody took."""
        self._tick = event
        self._more.set()

    def end(self, why: str) -> None:
        """Nothing more comes."""
        self.ended = why
        self._more.set()

    async def take(self, seconds: float) -> bytes:
        """All that waits, or what comes within so many seconds; empty where nothing does."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._more.wait()
        except TimeoutError:
            return b""
        self._more.clear()
        parts = [encoded("missed", {"events": self._missed})] if self._missed else []
        parts += self._line
        parts += [self._tick] if self._tick is not None else []
        self._line.clear()
        self._tick, self._missed = None, 0
        return b"".join(parts)


class Hub:
    """One per gateway."""

    def __init__(self) -> None:
        self.watchers: set[Watcher] = set()
        self.looked = False
        """Whether another process wants our events on the board."""
        self.listening = False
        """Ask this before an event is even put together."""
        self._closed = False
        self._recent: deque[Told] = deque(maxlen=LINE_MAX)
        self._count = 0

    def watch(self) -> Watcher:
        """A new watcher; `leave` with it at the end. Raises Overloaded, ShuttingDown."""
        if self._closed:
            raise ShuttingDown("The gateway is restarting, please try again.", retry_after=2)
        if len(self.watchers) >= WATCHERS_MAX:
            raise Overloaded(f"{WATCHERS_MAX} streams of events are open already: close one.", retry_after=5)
        found = Watcher()
        self.watchers.add(found)
        self.listening = True
        return found

    def leave(self, watcher: Watcher) -> None:
        """It watches no more; idempotent."""
        self.watchers.discard(watcher)
        self.look(self.looked)

    def look(self, looked: bool) -> None:
        """Another process begins or ceases to want our events."""
        self.looked = looked
        self.listening = looked or bool(self.watchers)
        if not looked:
            self._recent.clear()

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Something happened in this process."""
        if self.looked:
            self._count += 1
            self._recent.append(Told(self._count, time.monotonic(), kind, data))
        self.pass_on(kind, data)

    def pass_on(self, kind: str, data: Mapping[str, Any]) -> None:
        """Something happened, here or in another process."""
        if self.watchers:
            event = encoded(kind, data)
            for watcher in self.watchers:
                watcher.put(event)

    def tick(self, data: Mapping[str, Any]) -> None:
        """The figures of this second."""
        event = encoded("tick", data)
        for watcher in self.watchers:
            watcher.tick(event)

    def recent(self) -> list[tuple[int, str, Mapping[str, Any]]]:
        """What happened in the last seconds, for the board: number, kind, data."""
        since = time.monotonic() - RECENT_SECONDS
        return [(told.number, told.kind, told.data) for told in self._recent if told.at >= since]

    def close(self) -> None:
        """The gateway stops: every stream ends, and none begins."""
        self._closed = True
        for watcher in self.watchers:
            watcher.end("shutting_down")


def encoded(kind: str, data: Mapping[str, Any]) -> bytes:
    """One event of the stream, with its kind."""
    return b"event: " + kind.encode() + b"\n" + replies.event(data)
