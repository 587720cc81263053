"""A bounded pipe of bytes between the task that reads the backend and the response that writes to the client."""

import asyncio
from collections.abc import Callable

PIPE_BYTES = 256 * 1024
"""So much may wait for a slow client before the backend is no longer read."""


Tap = Callable[[bytes], bool]
"""Writes to the client at once; False where it cannot, and nothing was written."""


class Pipe:
    """What was written together, or while nobody read, is read together: chunks merge by themselves under load."""

    def __init__(self, tap: Tap | None = None) -> None:
        self._tap = tap
        self._parts: list[bytes] = []
        self._size = 0
        self.full = False
        """Nothing more should be added before there is room."""
        self._closed = False
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    async def room(self) -> None:
        """Waits while the pipe is full."""
        await self._writable.wait()

    def push(self, data: bytes) -> None:
        """Adds bytes, whatever room there is. Where the reader waits for just these and the client has taken
        all before them, they go past it: to wake its task for each chunk costs as much as all the rest of it."""
        waits = self._reader is not None and not self._reader.done()
        if waits and not self._parts and self._tap is not None and self._tap(data):
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size >= PIPE_BYTES:
            self.full = True
            self._writable.clear()
        self._wake()

    def close(self) -> None:
        """Nothing more comes."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def read(self) -> bytes | None:
        """All that is there, or None at the end; for one reader."""
        while not self._parts:
            if self._closed:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self.full:
            self.full = False
            self._writable.set()
        self._size = 0
        return data
