"""HTTP/1.1 for Hypercorn on llhttp (httptools), in the place of its own protocol on h11 (docs/libraries.md, Hypercorn).

h11 parses in Python, and between it and the app Hypercorn makes an object and waits a turn of the loop for every event;
here a request is parsed in C, and what goes out together is written at once: head, body and end of a plain answer are
one write. What Hypercorn keeps: sockets, connections and their tasks, TLS, the drain at the end.

A request that cannot be parsed gets 400, headers that are too long 431, and the connection is closed. An upgrade is not
taken: the request is answered in HTTP/1.1.
"""

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
from hypercorn.events import Closed, Event, RawData, Updated

from infra.runtime.direct import Direct, abort_soon
from infra.runtime.exchange import Exchange, refusal, without_offer

if TYPE_CHECKING:
    from infra.runtime.listener import Settings

LINGER_SECONDS = 6.0
"""How long a connection that idles stays open after SIGTERM: a request may be on its way on it, and what the
OpenAI SDKs stand on gives up connections that idled for 5 s (Python, httpx) and 4 s (Node, undici) by itself."""
BUFFERED_BYTES = 256 * 1024
"""So much of a body may wait for the app before the connection is no longer read."""
UNSENT_BYTES = 32 * 1024
"""So much may wait for the socket before we look whether the client takes it."""
PIPELINED_MAX = 16
"""Requests that may wait behind one that runs; a client that sends more is no longer read."""
_SCOPE = {"type": "http", "asgi": {"spec_version": "2.1", "version": "3.0"}, "root_path": ""}


class Connection:
    """One connection, made by Hypercorn as if it were its H11Protocol."""

    def __init__(
        self,
        app: Any,
        config: "Settings",
        context: Any,
        task_group: Any,
        state: Any,
        ssl: bool,
        client: Any,
        server: Any,
        send: Any,
    ) -> None:
        self._app, self._config, self._context, self._tasks, self._state = app, config, context, task_group, state
        self._scope = {**_SCOPE, "scheme": "https" if ssl else "http", "client": client, "server": server}
        self._send = send
        self._transport = send.__self__.writer.transport  # its TCPServer's
        self._taken = asyncio.Event()
        self._direct: Direct | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._held = b""
        """The beginning of a head; the parser gets it whole."""
        self._in_head = False
        self._head_due: asyncio.TimerHandle | None = None
        self._reading: Exchange | None = None
        """The request that is being received."""
        self._running: Exchange | None = None
        self._next: deque[Exchange] = deque()
        self._gone = self._ending = self._refused = False
        self._idle_since = asyncio.get_running_loop().time()
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None

    # --- Hypercorn's side ---------------------------------------------------------------------------------------------

    async def initiate(self) -> None:
        """The connection is made."""

    async def handle(self, event: Event) -> None:
        """What came from the socket."""
        if isinstance(event, RawData):
            if event.data and not self._gone:
                await self._begin(event.data)
        elif isinstance(event, Closed):
            self._leave()
            if self._watch is None:  # Hypercorn would keep it, and an open file, until the keep-alive time is up
                await self._send(Updated(idle=False))

    def _leave(self) -> None:
        """The client has gone, or we have closed: whoever still works for it hears so."""
        self._gone = True
        abort_soon(self._transport, cut=self._running is not None and not self._running.ended)
        for pending in (self._timer, self._head_due, self._watch):
            if pending is not None:
                pending.cancel()
        for exchange in (self._running, *self._next):
            if exchange is not None:
                exchange.ended = True
                exchange.stir()
        self._next.clear()
        self.took()
        self._direct = None  # a circle that only the collector would open

    async def _begin(self, data: bytes) -> None:
        """The first that comes, and what came right behind it; all else comes directly."""
        if self._watch is None:
            await self._send(Updated(idle=False))  # from here on we look after the idle time ourselves
            self._watch = self._tasks._task_group.create_task(self._until_the_end())
            self._arm(self._config.keep_alive_timeout)
        self.received(data)
        while not self._gone and self.too_much():
            self._taken.clear()
            await self._taken.wait()
        self._direct = self._direct or Direct.over(self._transport, self)

    def received(self, data: bytes) -> None:
        """Of a request, or of several."""
        if self._gone or self._refused:
            return
        if self._held or not (self._in_head or self._reading):
            data = (self._held + data).lstrip(b"\r\n")
            whole = b"\n\r\n" in data or b"\n\n" in data
            self._held = b"" if whole or not data[:1].isalpha() else data  # TLS on the plain port is refused at once
            if len(self._held) > self._config.h11_max_incomplete_size:
                self._refuse(431)
                return
        if not self._held:
            try:
                self._parse(data)
            except httptools.HttpParserError:
                self._refuse(400)
                return
        self._watch_head()

    def took(self) -> None:
        """The app has taken something, or an answer has ended: there may be room again."""
        self._taken.set()
        if self._direct is not None:
            self._direct.room()

    def _watch_head(self) -> None:
        """A head that has begun must end in time, later a 408 ends the connection: Hypercorn gives it the keep-alive
        time."""
        if (self._held or self._in_head) and not self._gone:
            if self._head_due is None:
                loop, seconds = asyncio.get_running_loop(), self._config.headers_seconds()
                self._head_due = loop.call_later(seconds, self._refuse, 408)
        elif self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # llhttp takes what follows for another protocol. The same request without its offer is read instead.
            if self._parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError("not a proxy") from None
            head = without_offer(self._parser.get_method(), self._target, self._headers)
            self._parser = httptools.HttpRequestParser(self)
            self._parse(head + data[upgrade.args[0] :])

    def too_much(self) -> bool:
        """Whether the client is not read for now."""
        reading = self._reading
        return len(self._next) > PIPELINED_MAX or (reading is not None and reading.waiting_bytes > BUFFERED_BYTES)

    def _refuse(self, status: int) -> None:
        """What comes is not HTTP: said once, in OpenAI's shape, then the connection is closed."""
        self._refused = True
        self._tasks.spawn(self._close_with, status)

    async def _close_with(self, status: int) -> None:
        if self._running is None or not self._running.begun:
            await self.write(refusal(status))
        await self.close()

    # --- the parser's side --------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._target, self._headers, self._in_head = b"", [], True

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._parser.should_upgrade():
            return
        path, _, query = self._target.partition(b"?")
        version = self._parser.get_http_version()
        scope = {
            **self._scope,
            "http_version": version,
            "method": self._parser.get_method().decode("ascii"),
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "headers": self._headers,
            "state": self._state.copy(),
        }
        expects = version != "1.0" and (b"expect", b"100-continue") in self._headers
        exchange = Exchange(self, scope, self._parser.should_keep_alive(), expects)
        self._reading = exchange
        if self._running is None:
            self._start(exchange)
        else:
            self._next.append(exchange)

    def on_body(self, part: bytes) -> None:
        if self._reading is not None:
            self._reading.feed(part)

    def on_message_complete(self) -> None:
        if self._reading is not None:
            self._reading.whole = True
            self._reading.stir()
            self._reading = None

    # --- the app's side -----------------------------------------------------------------------------------------------

    def _start(self, exchange: Exchange) -> None:
        self._running = exchange
        self._tasks.spawn(self._run, exchange)

    async def _run(self, exchange: Exchange) -> None:
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send, None, None)
        except Exception:  # noqa: BLE001 - the app's own; nothing else may fall with it
            await self._config.log.exception("Error in ASGI Framework")
        finally:
            await exchange.finish()

    async def write(self, data: bytes) -> None:
        """To the client, waiting while it does not read."""
        if not self.write_now(data) and not self._gone:
            await self._send(RawData(data))  # Hypercorn's way, which waits until the client has taken it

    def write_now(self, data: bytes) -> bool:
        """To a client that has taken nearly all before; False, and nothing is written, for any other."""
        transport = self._transport
        if self._gone or transport.is_closing() or transport.get_write_buffer_size() > UNSENT_BYTES:
            return False
        transport.write(data)
        return True

    async def answered(self, exchange: Exchange) -> None:
        """An answer is out: the next request, or the idle time, or the end."""
        exchange.ended = True
        exchange.scope["extensions"] = {}  # the tap: a circle that only the collector would open
        exchange.stir()
        if not exchange.keep or not exchange.whole:
            await self.close()
            return
        self._running = None
        self._idle_since = asyncio.get_running_loop().time()
        if self._next:
            self._start(self._next.popleft())
        elif self._ending and not self._gone and self._watch is not None:
            self._watch.cancel()
            self._watch = self._tasks._task_group.create_task(self._linger())  # ends with the connection
        self.took()

    async def close(self) -> None:
        """Closes the connection, once."""
        if not self._gone:
            self._leave()
            await self._send(Closed())

    # --- idle ---------------------------------------------------------------------------------------------------------

    def _arm(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """One timer per connection, not one per request: it looks how long nothing has been asked."""
        left = self._idle_since + self._config.keep_alive_timeout - asyncio.get_running_loop().time()
        if self._running is None and left <= 0:
            self._tasks.spawn(self.close)
        else:
            self._arm(max(left, 1.0))

    async def _until_the_end(self) -> None:
        """The drain has begun."""
        await self._context.terminated.wait()
        self._ending = True
        await self._linger()

    async def _linger(self) -> None:
        """At the drain one that idles stays for a while: its client does not know, and a request may be on its way."""
        idle_since, impatient = self._idle_since, getattr(self._config, "impatient", None)
        if impatient is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(impatient.wait(), LINGER_SECONDS)
        if self._running is None and idle_since == self._idle_since:
            self._tasks.spawn(self.close)
