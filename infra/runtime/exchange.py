"""One request over HTTP/1.1 and its answer, as the app sees them (ASGI 3) and as bytes (RFC 9112)."""

import asyncio
import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from infra.runtime import replies

if TYPE_CHECKING:
    from infra.runtime.http11 import Connection

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_SAID = {
    400: "This is not a valid HTTP/1.1 request.",
    408: "The headers of the request did not arrive in time.",
    431: "The headers of the request are too long.",
}
TAP = "aethergate.tap"
"""The extension of the ASGI scope by which a stream writes past the tasks above it (infra.runtime.pipe)."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_date: tuple[int, bytes] = (0, b"")


def _now() -> bytes:
    """The Date header's value, made once a second."""
    global _date
    second = int(time.time())
    if _date[0] != second:
        _date = second, formatdate(second, usegmt=True).encode()
    return _date[1]


def refusal(status: int) -> bytes:
    """A whole answer, in OpenAI's shape, to what is no request: the last one on its connection."""
    error = {"message": _SAID[status], "type": "invalid_request_error", "param": None, "code": None}
    body = replies.encode({"error": error})
    head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\n" % (status, REASONS[status])
    return head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body


def without_offer(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of a request that offers an upgrade, without the offer."""
    lines = [b"%s %s HTTP/1.1" % (method, target)]
    for name, value in headers:
        if name == b"connection":
            value = b", ".join(part for part in value.split(b",") if part.strip().lower() != b"upgrade")
        if name != b"upgrade":
            lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n"


class Exchange:
    """One request and its answer: `receive` and `send` of the app."""

    def __init__(self, connection: "Connection", scope: dict[str, Any], keep: bool, expects: bool) -> None:
        self.scope = scope
        self.keep = keep
        self.whole = False
        """The request has been received to its end."""
        self.ended = False
        """The answer is out, or nobody is left to take it."""
        self._connection = connection
        self._expects = expects
        self._parts: list[bytes] = []
        self._told = False
        self._wake: asyncio.Future[None] | None = None
        self._head: bytes | None = None
        self._started = False
        self._chunked = False
        self._bare = scope["method"] == "HEAD"
        scope["extensions"] = {TAP: self.tap}

    # --- the request --------------------------------------------------------------------------------------------------

    def feed(self, part: bytes) -> None:
        """More of the body."""
        self._parts.append(part)
        self.stir()

    @property
    def waiting_bytes(self) -> int:
        """Of the body, not taken by the app yet."""
        return sum(map(len, self._parts))

    def stir(self) -> None:
        """Something is new for who waits in `receive`."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """ASGI."""
        if self._expects and not self.whole:
            self._expects = False
            await self._connection.write(_CONTINUE)
        while not (self._parts or self.ended or (self.whole and not self._told)):
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        if self.ended:
            return {"type": "http.disconnect"}
        body = b"".join(self._parts)
        self._parts.clear()
        self._told = self.whole
        self._connection.took()
        return {"type": "http.request", "body": body, "more_body": not self.whole}

    @property
    def begun(self) -> bool:
        """Whether a part of the answer is out."""
        return self._started

    # --- the answer ---------------------------------------------------------------------------------------------------

    async def send(self, message: dict[str, Any]) -> None:
        """ASGI; raises ValueError for headers that would break the answer."""
        if message["type"] == "http.response.start":
            self._head = self._made_head(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body" and not self.ended:
            data = message.get("body", b"") if not self._bare else b""
            await self._body(data, last=not message.get("more_body", False))

    def _made_head(self, status: int, headers: Any) -> bytes:
        lines = [b"HTTP/1.1 %d %s" % (status, REASONS.get(status, b""))]
        sized = told = False
        for name, value in headers:
            name = name.lower()
            sized |= name in (b"content-length", b"transfer-encoding")
            if name == b"connection" and value.lower() == b"close":
                self.keep, told = False, True
            lines.append(b"%s: %s" % (name, value))
        lines.append(b"date: " + _now())
        self._bare |= status in (204, 304)
        if not sized and not self._bare:
            self._chunked = self.scope["http_version"] != "1.0"
            self.keep &= self._chunked  # without a length HTTP/1.0 ends an answer by closing
            if self._chunked:
                lines.append(b"transfer-encoding: chunked")
        if not self.keep and not told:
            lines.append(b"connection: close")
        head = b"\r\n".join(lines)
        if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
            raise ValueError("a header of the answer holds a line break")
        return head + b"\r\n\r\n"

    async def _body(self, data: bytes, last: bool) -> None:
        if self._head is None and not self._started:
            raise RuntimeError("a body before its head")
        out = data
        if self._chunked:
            out = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            out += b"0\r\n\r\n" if last else b""
        if self._head is not None and (out or last):
            out, self._head, self._started = self._head + out, None, True
        if out:
            await self._connection.write(out)
        if last:
            await self._connection.answered(self)

    def tap(self, data: bytes) -> bool:
        """More of a body that has begun, written at once; False where it has not, or where the client is behind."""
        if self.ended or not (self._started and self._chunked) or self._bare or not data:
            return False
        return self._connection.write_now(b"%x\r\n%b\r\n" % (len(data), data))

    async def finish(self) -> None:
        """The app has returned: an answer that it did not begin is a 500, one that it did not end is cut."""
        if self.ended:
            return
        if not self._started:
            self.keep = False
            self._head = self._made_head(500, [(b"content-length", b"0")])
            await self._body(b"", last=True)
        else:
            await self._connection.close()
