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
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    async def write(self, data: bytes) -> None:
        """Adds bytes; waits while the pipe is full."""
        await self._writable.wait()
        self.push(data)

    def push(self, data: bytes) -> None:
        """Adds bytes without waiting, for the last ones."""
        self._parts.append(data)
        self._size += len(data)
        if self._size >= PIPE_BYTES:
            self._writable.clear()
        self._readable.set()

    def close(self) -> None:
        """Nothing more comes."""
        self._closed = True
        self._readable.set()

    async def read(self) -> bytes | None:
        """All that is there, or None at the end."""
        await self._readable.wait()
        if not self._parts:
            return None
        data = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._writable.set()
        if not self._closed:
            self._readable.clear()
        return data
