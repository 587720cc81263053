"""The body of a backend's answer: read piece by piece, or flowing on without a task being woken for each piece."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection


class Listening(ResponseHandler):
    """aiohttp's end of a connection, which also tells at once, without a turn of the loop, that something came."""

    heard: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.heard is not None:
            self.heard()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Whoever reads calls this, paused or not; where nothing is paused, nothing waits to be parsed."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.heard is not None:
            self.heard()


class Body(httpx.AsyncByteStream):
    """The bytes of an answer as they arrive, decompressed. Closing before the end closes the connection."""

    def __init__(self, content: aiohttp.StreamReader, connection: Connection, idle: float | None) -> None:
        self._content = content
        self._connection = connection
        self._idle = idle
        self._due: float | None = None
        """When the read that waits now has waited long enough; None: none waits, or for as long as it takes."""
        self._timer: asyncio.TimerHandle | None = None
        self._heard: Callable[[], None] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read(self._idle):
            yield chunk

    async def read(self, seconds: float | None) -> bytes:
        """What has arrived, waiting at most so long for the first byte of it; empty at the end."""
        with self._failing():
            found = self._content.read_nowait()
            if found or self._content.is_eof():
                return found
            self._expect(seconds)
            found = await self._content.readany()
        self._due = None
        return found

    async def flow(self, take: Callable[[bytes], bool], seconds: float) -> None:
        """Gives what arrives to `take` as it arrives, without a task being woken, until it says that it has had enough,
        or the end. Between two arrivals at most so many seconds may pass. Raises what `read` does and what `take` does.
        """
        protocol, loop = self._connection.protocol, asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        busy = False

        def heard() -> None:
            nonlocal busy
            if busy or over.done():  # reading lets more in where the buffer was full: it comes after what is read now
                return
            busy = True
            try:
                found = self._content.read_nowait()
                if found:
                    self._due = loop.time() + seconds
                if (found and not take(found)) or self._content.is_eof():
                    over.set_result(None)
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                over.set_exception(error)
            finally:
                busy = False

        if not isinstance(protocol, Listening):
            return  # the end is there already
        self._expect(seconds)
        protocol.heard = self._heard = heard
        try:
            with self._failing():
                heard()
                await over
        finally:
            self._due = self._heard = None
            if protocol.heard is heard:  # else the connection serves another already
                protocol.heard = None

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """An error is translated, and the connection is of no more use; the timer ends with a cancellation, too."""
        try:
            yield
        except Exception as error:
            self._stop()
            self._connection.close()
            raise translated(error) from error
        except BaseException:
            self._stop()
            raise

    def _expect(self, seconds: float | None) -> None:
        """One timer serves many reads: it looks when it is due whether the one that waits then has waited too long."""
        if seconds is None:
            return
        loop = asyncio.get_running_loop()
        self._due = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._due:
            self._stop()
            self._timer = loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        if self._due is not None and self._due <= loop.time():
            self._content.set_exception(TimeoutError())
            if self._heard is not None:
                self._heard()
        elif not self._content.is_eof() and self._due is not None:
            self._timer = loop.call_at(self._due, self._look)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def aread(self) -> bytes:
        """All of it."""
        return b"".join([chunk async for chunk in self])

    async def aclose(self) -> None:
        self._stop()
        self._connection.close()


def translated(error: Exception) -> Exception:
    """The httpx exception for one of aiohttp's, by how far the request got; others are bugs and stay as they are."""
    text = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(text)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(text)
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout(text)
    if isinstance(error, aiohttp.ClientOSError):
        return httpx.ReadError(text)
    if isinstance(error, (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, ValueError)):
        return httpx.RemoteProtocolError(text)
    if isinstance(error, OSError):
        return httpx.ReadError(text)
    return error
