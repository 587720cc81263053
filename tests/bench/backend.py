"""A stand-in for a model server that costs next to nothing: `python -m tests.bench.backend PORT`.

What it does is said by the words of the prompt, which every gateway passes on: `bench plain 64`, `bench burst 200` (all
tokens at once), `bench timed 300` (50 tokens per second).
"""

import asyncio
import re
import sys

import uvloop

TOKEN_SECONDS = 0.02
TICK_SECONDS = 0.004
"""Streams that are due within so long are written in one go, each to its own connection."""
_ASKED = re.compile(rb"bench (plain|burst|timed) (\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_FRAME = b'"id":"chatcmpl-1","created":1764000000,"model":"stand-in"'
_CHUNK = b'data: {%s,"object":"chat.completion.chunk","choices":[{"index":0,"delta":{%s},"finish_reason":%s}]}\n\n'
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _usage(tokens: int) -> bytes:
    return b'"usage":{"prompt_tokens":12,"completion_tokens":%d,"total_tokens":%d}' % (tokens, 12 + tokens)


FIRST = _chunked(_CHUNK % (_FRAME, b'"role":"assistant","content":"word "', b"null"))
TOKEN = _chunked(_CHUNK % (_FRAME, b'"content":"word "', b"null"))


def _last(tokens: int, usage: bool) -> bytes:
    tail = _chunked(_CHUNK % (_FRAME, b"", b'"stop"'))
    if usage:
        tail += _chunked(b'data: {%s,"object":"chat.completion.chunk","choices":[],%s}\n\n' % (_FRAME, _usage(tokens)))
    return tail + _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def _answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


def _plain(tokens: int) -> bytes:
    choice = b'{"index":0,"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}' % (b"word " * tokens)
    return _answer(b'{%s,"object":"chat.completion","choices":[%s],%s}' % (_FRAME, choice, _usage(tokens)))


_OTHERS = {
    b"/v1/models": _answer(b'{"object":"list","data":[{"id":"stand-in","object":"model","owned_by":"bench"}]}'),
    b"/health": _answer(b"{}"),
    b"/get_server_info": _answer(b'{"model_path":"stand-in"}'),
    b"/server_info": _answer(b'{"model_path":"stand-in"}'),
    b"/get_model_info": _answer(b'{"model_path":"stand-in"}'),
    b"/model_info": _answer(b'{"model_path":"stand-in"}'),
}
_MISSING = _answer(b"{}", b"404 Not Found")


class Clock:
    """Writes the tokens that are due, of all streams; between two looks at most 4 ms pass."""

    def __init__(self) -> None:
        self._due: list[tuple[float, Connection, int, bytes]] = []
        self._running = False

    def add(self, connection: "Connection", tokens: int, tail: bytes) -> None:
        """A stream whose first token has just been written."""
        loop = asyncio.get_running_loop()
        self._due.append((loop.time() + TOKEN_SECONDS, connection, tokens - 1, tail))
        if not self._running:
            self._running = True
            loop.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now, later = loop.time(), []
        for stream in self._due:
            due, connection, left, tail = stream
            if due > now or connection.gone:
                if not connection.gone:
                    later.append(stream)
            elif left:
                connection.transport.write(TOKEN)
                later.append((due + TOKEN_SECONDS, connection, left - 1, tail))
            else:
                connection.transport.write(tail)
        self._due = later
        self._running = bool(later)
        if later:
            loop.call_later(TICK_SECONDS, self._tick)


class Connection(asyncio.Protocol):
    """One client: a request at a time, kept alive."""

    transport: asyncio.Transport

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._got = b""
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True

    def data_received(self, data: bytes) -> None:
        self._got = self._got + data if self._got else data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._got, 0, end)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._got) < whole:
            return
        request, self._got = self._got[:whole], self._got[whole:]
        self._respond(request)

    def _respond(self, request: bytes) -> None:
        asked = _ASKED.search(request)
        if asked is None:
            path = request.split(b" ", 2)[1].split(b"?")[0]
            self.transport.write(_OTHERS.get(path, _MISSING))
            return
        kind, tokens = asked[1], int(asked[2])
        if kind == b"plain":
            self.transport.write(_plain(tokens))
            return
        tail = _last(tokens, b"include_usage" in request)
        if kind == b"burst":
            self.transport.write(_HEAD + FIRST + TOKEN * (tokens - 1) + tail)
        else:
            self.transport.write(_HEAD + FIRST)
            self._clock.add(self, tokens, tail)


async def serve(port: int) -> None:
    """Until it is killed."""
    clock = Clock()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(clock), "127.0.0.1", port, backlog=2048)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
