"""A bounded pipe of bytes between the task that reads the backend and the response that writes to the client."""

import asyncio

PIPE_BYTES = 256 * 1024
"""So much may wait for a slow client before the backend is no longer read."""


class Pipe:
    """What was written together, or while nobody read, is read together: chunks merge by themselves under load."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._closed = False
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    async def write(self, data: bytes) -> None:
        """Adds bytes; waits while the pipe is full."""
        if self._size >= PIPE_BYTES:
            await self._writable.wait()
        self.push(data)

    def push(self, data: bytes) -> None:
        """Adds bytes without waiting, for the last ones."""
        self._parts.append(data)
        self._size += len(data)
        if self._size >= PIPE_BYTES:
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
        if self._size >= PIPE_BYTES:
            self._writable.set()
        self._size = 0
        return data
