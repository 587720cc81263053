"""The body of a backend's answer: read piece by piece, or flowing on without a task being woken for each piece."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

Take = Callable[[bytes], bool]
Quick = Callable[[bytes], bool | None]


class _Flow:
    """A body that goes on to whoever takes it from within the socket's own call.

    The parser need not see a chunk of HTTP where it stands between two of them. It does where of the last one that it
    saw, which looked like this one, it counted what is in it: anywhere else it would have counted its frame, too, or
    found an error.
    """

    __slots__ = ("_between", "_busy", "_content", "_expected", "_loop", "_quick", "_seconds", "_take", "due", "over")

    def __init__(self, content: aiohttp.StreamReader, take: Take, quick: Quick, seconds: float) -> None:
        self._content, self._take, self._quick, self._seconds = content, take, quick, seconds
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self.due = self._loop.time() + seconds
        """When nothing has come for too long."""
        self._busy = self._between = False
        self._expected = -1
        """Bytes of the body, once the parser has seen a chunk and nothing else."""

    def heard(self) -> None:
        """Something was parsed, or this is the end."""
        if self._busy or self.over.done():  # reading lets more in where the buffer was full: it comes after what is
            return  # read now
        self._busy, self._between = True, self._content.total_bytes == self._expected
        try:
            found = self._content.read_nowait()
            if found:
                self.due = self._loop.time() + self._seconds
            if (found and not self._take(found)) or self._content.is_eof():
                self.over.set_result(None)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            self.over.set_exception(error)
        finally:
            self._busy = False

    def past(self, data: bytes) -> bool:
        """Takes what came past the parser; False where it must be parsed."""
        if self._busy or self.over.done() or (found := chunk_of(data)) is None:
            self._between, self._expected = False, -1
            return False
        if self._between:
            try:
                more = self._quick(found)
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                self.over.set_exception(error)
                return True
            if more is not None:
                self.due = self._loop.time() + self._seconds
                if not more:
                    self.over.set_result(None)
                return True
        self._expected = self._content.total_bytes + len(found)
        return False


def chunk_of(data: bytes) -> bytes | None:
    """What is in a chunk of HTTP (RFC 9112, 7.1), where just one came and it begins an event; else None."""
    size, _, rest = data.partition(b"\r\n")
    if rest[:6] != b"data: " or rest[-2:] != b"\r\n" or size != b"%x" % (len(rest) - 2):
        return None
    return rest[:-2]


class Listening(ResponseHandler):
    """aiohttp's end of a connection, which also tells at once, without a turn of the loop, that something came."""

    flow: _Flow | None = None

    def data_received(self, data: bytes) -> None:
        flow = self.flow
        if flow is None:
            super().data_received(data)
        elif not flow.past(data):
            super().data_received(data)
            flow.heard()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Whoever reads calls this, paused or not; where nothing is paused, nothing waits to be parsed."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.flow is not None:
            self.flow.heard()


class Body(httpx.AsyncByteStream):
    """The bytes of an answer as they arrive, decompressed. Closing before the end closes the connection."""

    def __init__(self, content: aiohttp.StreamReader, connection: Connection, idle: float | None) -> None:
        self._content = content
        self._connection = connection
        self._idle = idle
        self._due: float | None = None
        """When the read that waits now has waited long enough; None: none waits, or for as long as it takes."""
        self._timer: asyncio.TimerHandle | None = None
        self._flow: _Flow | None = None

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

    async def flow(self, take: Take, quick: Quick, seconds: float) -> None:
        """Gives what arrives to `take` as it arrives, without a task being woken, until it says that it has had enough,
        or the end. Between two arrivals at most so many seconds may pass. Raises what `read` does and what `take` does.

        What arrives as one chunk of HTTP that begins an event is offered to `quick` before it is parsed; where that
        says None, `take` gets it.
        """
        protocol = self._connection.protocol
        if not isinstance(protocol, Listening):
            return  # the end is there already
        self._expect(seconds)
        flow = protocol.flow = self._flow = _Flow(self._content, take, quick, seconds)
        try:
            with self._failing():
                flow.heard()
                await flow.over
        finally:
            self._due = self._flow = None
            if protocol.flow is flow:  # else the connection serves another already
                protocol.flow = None

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
        due = self._due if self._flow is None else self._flow.due
        if due is not None and due <= loop.time():
            self._content.set_exception(TimeoutError())
            if self._flow is not None:
                self._flow.heard()
        elif not self._content.is_eof() and due is not None:
            self._timer = loop.call_at(due, self._look)

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
