"""The way back to the client: the headers that every answer carries, and what the router must know of the answer."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from infra.errors import GatewayError
from infra.runtime import replies
from infra.runtime.eager import within
from infra.runtime.replays import KEPT_BYTES

if TYPE_CHECKING:
    from infra.runtime.call import Call
    from infra.runtime.replays import Replay

EXPOSED = ", ".join(
    ["x-request-id", "openai-processing-ms", "retry-after", "x-should-retry"]
    + [f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")]
    + [f"x-aethergate-{name}" for name in ("cost", "balance", "limited", "ignored", "fallback")]
)

_ANY_ORIGIN = {"access-control-allow-origin": "*", "access-control-expose-headers": EXPOSED}

OWN = (b"x-ratelimit-", b"cache-control")
"""Headers that an answer may bring itself."""


class ClientStalled(Exception):
    """The client stopped reading."""


class Wire:
    """`send` for the function's app; `fail` for an error before it."""

    def __init__(self, call: "Call", send: Any, replay: "Replay | None" = None) -> None:
        self._call = call
        self._send = send
        self._replay = replay
        self.status = 0
        self.complete = False
        self.kept = b""

    async def send(self, message: dict[str, Any]) -> None:
        """Passes an ASGI message on, with our headers on the first; raises ClientStalled."""
        last = False
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # A refusal by a limit brings that limit's own figures: said twice, no client could read either.
            said = {name.lower() for name, _ in message["headers"] if name.lower().startswith(OWN)}
            ours = [pair for pair in self._headers(said) if pair[0] not in said]
            message = {**message, "headers": [*message["headers"], *ours]}
        elif message["type"] == "http.response.body":
            last = not message.get("more_body", False)
            if self._replay is not None:
                await self._remember(message.get("body", b""), self._replay, last)
            if self._call.method == "HEAD":
                message = {**message, "body": b""}
        try:
            await within(self._call.client_seconds, self._send(message))
        except TimeoutError:
            raise ClientStalled from None
        self.complete = last

    async def _remember(self, part: bytes, replay: "Replay", last: bool) -> None:
        """Before the last byte: who asks again right after it finds the answer kept."""
        if len(self.kept) < KEPT_BYTES:
            self.kept += part
        if last:
            await asyncio.shield(self._call.gateway.spawn(replay.end(self.status, self.kept, True), name="replay"))

    async def fail(self, error: GatewayError) -> None:
        """Answers with an error, unless an answer has begun."""
        if self.status:
            return
        self._call.error = error
        await self.answer(error.status, replies.encode(error.body()), error.headers())

    async def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answers with JSON."""
        raw = _raw(headers)
        raw += [(b"content-type", replies.JSON.encode()), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def _headers(self, said: Collection[bytes]) -> list[tuple[bytes, bytes]]:
        found = {
            "x-request-id": self._call.id,
            "openai-processing-ms": str(round((time.monotonic() - self._call.opened) * 1000)),
        }
        if self._call.ticket is not None and not any(name.startswith(b"x-ratelimit-") for name in said):
            found |= self._call.ticket.headers()
        found |= parting(self._call.gateway.draining)
        if self._call.endpoint.access == "admin":
            found["cache-control"] = "no-store"  # a cache on the way does not know that x-admin-key is a secret
        return _raw(found) + (_CORS if cors(self._call.path) else [])


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]


_CORS = _raw(_ANY_ORIGIN)


def cors(path: str) -> dict[str, str]:
    """Any origin may call /v1 and read its headers, without credentials; nobody else's page may call /admin."""
    if not path.startswith("/v1/"):
        return {}
    return dict(_ANY_ORIGIN)


def parting(draining: bool) -> dict[str, str]:
    """Tells the client that this was the last answer on its connection: the next request goes to somebody else."""
    return {"connection": "close"} if draining else {}


def preflight(headers: Mapping[str, str]) -> dict[str, str]:
    """The answer to a browser's OPTIONS: Authorization must be named, a `*` does not cover it."""
    asked = [name.strip() for name in headers.get("access-control-request-headers", "").split(",")]
    extra = [name for name in asked if name.replace("-", "").isalnum() and name.lower() not in _ALWAYS]
    return {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, POST, OPTIONS",
        "access-control-allow-headers": ", ".join(["Authorization", "Content-Type", *extra[:32]]),
        "access-control-max-age": "600",
    }


_ALWAYS = ("authorization", "content-type")
