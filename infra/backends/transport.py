"""httpx's transport interface over aiohttp's connections (docs/libraries.md, httpx and aiohttp).

Every failure becomes the httpx exception that says how far the request got, which decides whether it may be sent again:

    certainly not sent: ConnectError (refused, DNS, TLS), ConnectTimeout
    may have been sent: WriteError, ReadError, ReadTimeout, RemoteProtocolError

A kept-alive connection that the server closes just as we reuse it cannot be told apart, in general, from one that was
closed after reading the request. So: connections are given up after KEEPALIVE seconds, below the 5 s of llama.cpp,
uvicorn and Node; a `Connection: close` is obeyed; llama.cpp, which closes after a stream without saying so, gets no
second request on such a connection; and one that is found closed before a byte was written is replaced by another. What
still breaks before the answer "may have been sent".

aiohttp keeps the connections (names, TLS, keep-alive) and parses the answers; its client above them, which makes an
object for everything and copies headers again and again, is passed by: it cost as much as all the rest of a request.
"""

import asyncio
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from yarl import URL

from infra.backends.body import Body, Listening, translated

KEEPALIVE = 3.0
"""Seconds that an idle connection is kept; the margin to 5 s is for a busy event loop."""
LARGE = 2**20
"""Bytes from which a body is written piece by piece, so that other requests get their turn."""
PIECE = 2**16
UNSENT_TRIES = 2
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
_DROPPED = frozenset({b"content-encoding", b"content-length", b"transfer-encoding", b"connection", b"keep-alive"})
Headers = Iterable[tuple[bytes, bytes]]


class Limits(NamedTuple):
    """Seconds: to connect, until the status line, between two reads; None for as long as it takes."""

    connect: float | None = None
    answer: float | None = None
    idle: float | None = None


class Closed(aiohttp.ClientConnectionError):
    """The connection was closed before a byte of the request was written."""


class Answer(NamedTuple):
    """What a backend answered: status and headers, and the body to be read. Close the body in any case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: Body


class BackendTransport(httpx.AsyncBaseTransport):
    """One backend's connections. Slots bound how many there are, so the pool itself is unbounded.

    Usable below an httpx.AsyncClient, with a prepared httpx.Request, or by `exchange` alone. Of
    `extensions["timeout"]` it obeys `connect` and `read` (seconds between two reads), and its own `answer`: until the
    status line (default: `read`).
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._wanted: dict[URL, ClientRequest] = {}
        """What aiohttp's connector asks of a request, which is where it goes, by URL."""

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE, ttl_dns_cache=10)
        connector._factory = partial(Listening, loop=asyncio.get_running_loop())  # type: ignore[assignment]
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = request.extensions.get("timeout", {})
        limits = Limits(asked.get("connect"), asked.get("answer", asked.get("read")), asked.get("read"))
        content = await request.aread()
        url = str(request.url)
        answer = await self.exchange(request.method.encode(), url, _of_httpx(request), content, limits)
        return httpx.Response(answer.status, headers=answer.headers, stream=answer.body, request=request)

    async def exchange(self, method: bytes, url: str, headers: Headers, content: bytes, limits: Limits) -> Answer:
        """Sends a request and waits for the status line; Host and Content-Length are added. A redirect is an answer
        like any other: it could lead anywhere. Raises httpx.TransportError as told above."""
        place = _place(url)
        head = b"%s %s HTTP/1.1\r\nhost: %s\r\n%s\r\n" % (method, place.path, place.host, _lines(headers, content))
        try:
            async with asyncio.timeout(limits.answer):
                return await self._send(place.url, head, content, limits)
        except Exception as error:
            raise translated(error) from error

    async def _send(self, url: URL, head: bytes, content: bytes, limits: Limits) -> Answer:
        """Until the status line; a connection that was closed before the first byte is replaced."""
        session = self._session or self._open()
        timeout = aiohttp.ClientTimeout(total=None, connect=limits.connect, sock_connect=limits.connect)
        assert session.connector is not None
        wanted = self._wanted.get(url)
        if wanted is None:
            wanted = self._wanted[url] = ClientRequest("GET", url, loop=asyncio.get_running_loop())
        for left in range(UNSENT_TRIES, -1, -1):
            try:
                connection = await session.connector.connect(wanted, [], timeout)
            except TimeoutError as error:
                raise aiohttp.ConnectionTimeoutError from error
            try:
                return await _exchanged(connection, head, content, limits.idle)
            except Closed:
                connection.close()
                if not left:
                    raise
            except BaseException:
                connection.close()
                raise
        raise AssertionError("unreachable")

    async def aclose(self) -> None:
        """Closes every connection, running requests included."""
        if self._session is not None:
            await self._session.close()
            self._session = None
            self._wanted.clear()


class _Place(NamedTuple):
    url: URL
    host: bytes
    path: bytes


@lru_cache(maxsize=256)
def _place(text: str) -> _Place:
    url = URL(text, encoded=True)
    host = url.host_port_subcomponent or ""
    return _Place(url, host.encode("ascii"), url.raw_path_qs.encode("ascii"))


def _of_httpx(request: httpx.Request) -> Headers:
    return [(name, value) for name, value in request.headers.raw if name.lower() not in (b"host", b"content-length")]


def _lines(headers: Headers, content: bytes) -> bytes:
    lines = [b"%s: %s\r\n" % pair for pair in headers]
    if content:
        lines.append(b"content-length: %d\r\n" % len(content))
    return b"".join(lines)


async def _exchanged(connection: Connection, head: bytes, content: bytes, idle: float | None) -> Answer:
    """Writes the request on a connection and reads the head of its answer; raises aiohttp's errors and Closed."""
    await asyncio.sleep(0)  # what the server has closed meanwhile is told by the loop before we write, not after
    protocol = connection.protocol
    if protocol is None or protocol.transport is None or protocol.transport.is_closing():
        raise Closed
    protocol.set_response_params(read_until_eof=True, auto_decompress=True)
    if len(content) <= LARGE:
        protocol.transport.write(head + content)
    else:
        await _write_pieces(protocol, head, content)
    message, payload = await protocol.read()
    while 100 <= message.code < 200:
        message, payload = await protocol.read()
    if _closes_after(message):
        protocol.force_close()
    payload.on_eof(connection.release)
    kept = [(name, value) for name, value in message.raw_headers if name.lower() not in _DROPPED]
    return Answer(message.code, kept, Body(payload, connection, idle))


async def _write_pieces(protocol: ResponseHandler, head: bytes, content: bytes) -> None:
    """A server that answers early, or closes, is heard by who reads next."""
    transport = protocol.transport
    assert transport is not None
    transport.write(head)
    for start in range(0, len(content), PIECE):
        if transport.is_closing() or protocol.exception() is not None:
            return
        transport.write(content[start : start + PIECE])
        try:
            await protocol._drain_helper()
        except aiohttp.ClientConnectionResetError:
            return
        await asyncio.sleep(0)


def _closes_after(message: Any) -> bool:
    """llama.cpp closes the connection behind a stream and does not announce it."""
    return bool(message.chunked) and message.headers.get("Server") == "llama.cpp"
