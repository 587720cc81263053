"""Reads a request's body once, bounded, before the function's app sees it.

Reading here rather than in Quart keeps the bound exact on every Quart version (0.23 buffers a chunked body whole before
its 413), and an early refusal can drain what the client is still sending, so that the client gets to read it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from infra.errors import BadRequest, BodyTooLarge, UnsupportedEncoding
from infra.runtime.eager import within

DRAIN_BYTES = 64_000_000
DRAIN_SECONDS = 10.0


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Intake:
    """The body of one request. `read` it or `drain` it; then `replay` is the `receive` of the app behind."""

    def __init__(self, receive: Any, headers: Mapping[str, str], seconds: float) -> None:
        """`seconds`: how long the client gets to send it."""
        self._receive = receive
        self._seconds = seconds
        self._headers = headers
        self._whole = False
        self._replayed = False
        self.body = b""

    async def read(self, most_bytes: int) -> bytes:
        """The whole body; raises BodyTooLarge, UnsupportedEncoding, BadRequest (too slow), ClientGone."""
        encoding = self._headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise UnsupportedEncoding(
                f"Content-Encoding {encoding[:40]!r} is not supported: send the body uncompressed."
            )
        announced = self._headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > most_bytes:
            raise _too_large(most_bytes)
        try:
            self.body = await within(self._seconds, self._all(most_bytes))
        except TimeoutError:
            raise BadRequest(f"The body did not arrive within {self._seconds:g} s.") from None
        return self.body

    async def _all(self, most_bytes: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while not self._whole:
            part = await self._next()
            size += len(part)
            if size > most_bytes:
                raise _too_large(most_bytes)
            parts.append(part)
        return b"".join(parts)

    async def drain(self) -> None:
        """Takes and forgets what is still coming, within limits: a client hears no answer while it sends."""
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._whole and size < DRAIN_BYTES:
                    size += len(await self._next())
        except TimeoutError:
            return

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._whole = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part

    async def replay(self) -> dict[str, Any]:
        """`receive` for the app behind: the body in one piece, then whatever comes, which is the disconnect."""
        if not self._replayed:
            self._replayed = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        message: dict[str, Any] = await self._receive()
        return message


def _too_large(most_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than the {most_bytes:,} bytes that are allowed here.")
