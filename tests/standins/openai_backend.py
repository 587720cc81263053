"""A scripted OpenAI-compatible server on loopback: a real socket that says what it saw and does what it is told.

    async with StandIn() as backend:
        backend.script(pieces=5, delay=0.01)      # from now on, every request
        backend.once(status=429)                  # the next request only, then the script again
        ... a request to backend.url ...
        seen = backend.seen[-1]                   # body, headers, pieces emitted, whether the peer left

One piece is one token: an answer of k pieces reports `completion_tokens: k × n`; the prompt is counted in words.
"""

import asyncio
import base64
import contextlib
import json
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from aiohttp import web

from tests.standins.script import Script


@dataclass
class Seen:
    """One request as the backend saw it, and what became of it."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: dict[str, Any]
    pieces: int = 0
    """Pieces of content written to the socket (of all choices together)."""
    usage: dict[str, int] | None = None
    """The usage that was really reported."""
    state: Literal["running", "finished", "left", "died", "failed"] = "running"
    """`left`: the peer closed the connection; `died`: this server cut it as scripted."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ended_at: float = 0.0
    """Monotonic seconds."""
    came_at: float = field(default_factory=time.monotonic)

    async def end(self, seconds: float = 5) -> str:
        """Waits until the request is over; returns its state."""
        await asyncio.wait_for(self.ended.wait(), seconds)
        return self.state


class StandIn:
    """The server; `url` is its base without /v1. Port 0 takes a free one, kept over stop() and start()."""

    def __init__(self, models: tuple[str, ...] = ("stand-in",), port: int = 0) -> None:
        self.models = models
        self.port = port
        self.seen: list[Seen] = []
        self.running = 0
        self.running_max = 0
        """The most requests that were in work at once."""
        self._script = Script()
        self._hurried = False
        self._once: list[Script] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def script(self, **fields: Any) -> None:
        """What every request gets from now on (see Script)."""
        self._script, self._hurried = Script(**fields), False

    def hurry(self) -> None:
        """What streams still have to say comes without delay."""
        self._hurried = True

    def once(self, **fields: Any) -> None:
        """What one coming request gets; several calls queue up."""
        self._once.append(Script(**fields))

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_get("/v1/models", self._list)
        app.router.add_get("/health", self._health)
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener, backlog=1024).start()

    async def stop(self) -> None:
        """Closes everything; connects are refused from here on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _list(self, _: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "stand-in"} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        script = self._once.pop(0) if self._once else self._script
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, request.path, headers, json.loads(await request.read()))
        self.seen.append(seen)
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        try:
            return await self._play(request, script, seen)
        except (asyncio.CancelledError, ConnectionResetError):
            seen.state = "left"
            raise
        finally:
            self.running -= 1
            seen.ended_at = time.monotonic()
            seen.ended.set()

    async def _play(self, request: web.Request, script: Script, seen: Seen) -> web.StreamResponse:
        await asyncio.sleep(script.first_delay)
        if script.hang_up:
            return _cut(request, seen, script)
        if script.status != 200 or script.garbage is not None:
            seen.state = "failed"
            raw = script.garbage if script.garbage is not None else json.dumps(script.error_body()).encode()
            kind = script.headers.get("content-type", "application/json")
            return web.Response(status=script.status, body=raw, headers={**script.headers, "content-type": kind})
        if request.path.endswith("/embeddings"):
            return _finish(seen, _embeddings(seen))
        if seen.body.get("stream"):
            return await self._stream(request, script, seen)
        return await self._plain(request, script, seen)

    async def _plain(self, request: web.Request, script: Script, seen: Seen) -> web.StreamResponse:
        pieces = script.cut(seen.body)
        for _ in pieces:
            await asyncio.sleep(script.delay)
        if script.die_after is not None:
            return _cut(request, seen, script)
        count = seen.body.get("n") or 1
        seen.pieces = len(pieces) * count
        seen.usage = script.usage_of(seen.body, seen.pieces)
        return _finish(seen, script.plain(seen.body, pieces, count, seen.usage))

    async def _stream(self, request: web.Request, script: Script, seen: Seen) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-type": "text/event-stream", **script.headers})
        await answer.prepare(request)
        for event, is_piece in script.events(seen.body):
            if is_piece:
                if script.die_after is not None and seen.pieces >= script.die_after:
                    return _cut(request, seen, script)
                if script.hang_after is not None and seen.pieces >= script.hang_after:
                    await asyncio.Event().wait()
                await asyncio.sleep(0 if self._hurried else script.delay)
            seen.pieces += is_piece
            seen.usage = event.get("usage") or seen.usage
            await answer.write(b"data: " + json.dumps(event).encode() + script.line_end * 2)
        if script.error_event is not None:
            await answer.write(b"data: " + json.dumps({"error": script.error_event}).encode() + b"\n\n")
        if script.done:
            await answer.write(b"data: [DONE]" + script.line_end * 2)
        await answer.write_eof()
        seen.state = "finished"
        return answer


def _finish(seen: Seen, answer: dict[str, Any]) -> web.Response:
    seen.state = "finished"
    return web.json_response(answer)


def _cut(request: web.Request, seen: Seen, script: Script) -> web.StreamResponse:
    """Drops the connection as a killed process would, or a machine that comes back and knows nothing of it (RST)."""
    seen.state = "died"
    if request.transport is not None:
        if script.reset:
            linger = struct.pack("ii", 1, 0)
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        request.transport.abort()
    answer = web.StreamResponse()
    with contextlib.suppress(RuntimeError):
        answer.force_close()
    return answer


def _embeddings(seen: Seen) -> dict[str, Any]:
    given = seen.body["input"]
    texts = given if isinstance(given, list) else [given]
    as_base64 = seen.body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        vector = [float(len(str(text))), 0.5, -0.25, 1.0]
        shown = base64.b64encode(struct.pack("<4f", *vector)).decode() if as_base64 else vector
        data.append({"object": "embedding", "index": index, "embedding": shown})
    count = sum(len(str(text).split()) for text in texts)
    seen.usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "data": data, "model": seen.body.get("model"), "usage": seen.usage}
