"""httpx's transport interface over aiohttp (docs/backends.md, httpx and aiohttp).

Every failure becomes the httpx exception that says how far the request got, which decides whether it may be sent again:

    certainly not sent: ConnectError (refused, DNS, TLS), ConnectTimeout
    may have been sent: WriteError, ReadError, ReadTimeout, RemoteProtocolError

A kept-alive connection that the server closes just as we reuse it cannot be told apart, in general, from one that was
closed after reading the request. So: connections are given up after KEEPALIVE seconds, below the 5 s of llama.cpp,
uvicorn and Node; a `Connection: close` is obeyed; llama.cpp, which closes after a stream without saying so, gets no
second request on such a connection; and where aiohttp found the connection closed before it wrote a byte, the request
goes out again on another. What still breaks before the answer "may have been sent".
"""

import asyncio
import io
from collections.abc import AsyncIterator
from functools import lru_cache

import aiohttp
import httpx
from yarl import URL

KEEPALIVE = 3.0
"""Seconds that an idle connection is kept; the margin to 5 s is for a busy event loop."""
LARGE = 2**20
"""Bytes from which a body is written piece by piece, so that other requests get their turn."""
UNSENT_TRIES = 2
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
_DROPPED = frozenset({b"content-encoding", b"content-length", b"transfer-encoding", b"connection", b"keep-alive"})


@lru_cache(maxsize=256)
def _url(text: str) -> URL:
    return URL(text, encoded=True)


class Body(httpx.AsyncByteStream):
    """The bytes of an answer as they arrive, decompressed. Closing before the end closes the connection."""

    def __init__(self, answer: aiohttp.ClientResponse, request: httpx.Request, idle: float | None) -> None:
        self._answer = answer
        self._request = request
        self._idle = idle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read(self._idle):
            yield chunk

    async def read(self, seconds: float | None) -> bytes:
        """What has arrived, waiting at most so long for the first byte of it; empty at the end."""
        try:
            async with asyncio.timeout(seconds):
                return await self._answer.content.readany()
        except Exception as error:
            self._answer.close()
            raise _translated(error, self._request) from error

    async def aclose(self) -> None:
        self._answer.close()


class BackendTransport(httpx.AsyncBaseTransport):
    """One backend's connections. Slots bound how many there are, so the pool itself is unbounded.

    Usable below an httpx.AsyncClient or directly with a prepared httpx.Request. Of `extensions["timeout"]` it obeys
    `connect` and `read` (seconds between two reads), and its own `answer`: until the status line (default: `read`).
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE, ttl_dns_cache=10)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),  # one tenant's upstream cookie must not go out with another's request
            trust_env=False,
            auto_decompress=True,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None),
            skip_auto_headers=("User-Agent", "Content-Type"),
        )
        return self._session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = request.extensions.get("timeout", {})
        content = await request.aread()
        try:
            async with asyncio.timeout(limits.get("answer", limits.get("read"))):
                answer = await self._send(request, content, limits.get("connect"))
        except Exception as error:
            raise _translated(error, request) from error
        if answer.connection is not None and answer.connection.protocol is not None and _closes_after(answer):
            answer.connection.protocol.force_close()
        kept = [(name, value) for name, value in answer.raw_headers if name.lower() not in _DROPPED]
        body = Body(answer, request, limits.get("read"))
        return httpx.Response(answer.status, headers=kept, stream=body, request=request)

    async def _send(self, request: httpx.Request, content: bytes, connect: float | None) -> aiohttp.ClientResponse:
        """Until the status line; a connection that was closed before the first byte is replaced."""
        session = self._session or self._open()
        for left in range(UNSENT_TRIES, -1, -1):
            try:
                return await session.request(
                    request.method,
                    _url(str(request.url)),
                    headers=request.headers.multi_items(),
                    data=io.BytesIO(content) if len(content) > LARGE else content or None,
                    allow_redirects=False,  # a redirect could lead anywhere: it is an error of the backend
                    timeout=aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect),
                )
            except aiohttp.ClientError as error:
                if not left or len(content) > LARGE or not _unsent(error):
                    raise
        raise AssertionError("unreachable")

    async def aclose(self) -> None:
        """Closes every connection, running requests included."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _closes_after(answer: aiohttp.ClientResponse) -> bool:
    """llama.cpp closes the connection behind a stream and does not announce it."""
    return answer.headers.get("Server") == "llama.cpp" and "Transfer-Encoding" in answer.headers


def _unsent(error: Exception) -> bool:
    """aiohttp says so before its first write, head and body together where the body is not LARGE."""
    cause = error if isinstance(error, aiohttp.ClientConnectionResetError) else error.__cause__
    return isinstance(cause, aiohttp.ClientConnectionResetError) and "closing transport" in str(cause)


def _translated(error: Exception, request: httpx.Request) -> Exception:
    """The httpx exception for one of aiohttp's, by how far the request got; others are bugs and stay as they are."""
    text = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(text, request=request)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(text, request=request)
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout(text, request=request)
    if isinstance(error, aiohttp.ClientOSError):
        return httpx.ReadError(text, request=request)
    if isinstance(error, (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, ValueError)):
        return httpx.RemoteProtocolError(text, request=request)
    if isinstance(error, OSError):
        return httpx.ReadError(text, request=request)
    return error
