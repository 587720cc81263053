"""The socket that the gateway listens on, and Hypercorn's settings for it (docs/backends.md, Hypercorn)."""

import asyncio
import contextlib
import errno
import logging
import os
import socket

import h11
import hypercorn.asyncio.run
import hypercorn.protocol
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.events import Closed, Event, Updated
from hypercorn.protocol.h11 import H11Protocol

BACKLOG = 1024
KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s that load balancers keep idle connections for, so that they close first and never race us."""
LINGER_SECONDS = 6.0
"""How long a connection that idles stays open after SIGTERM: a request may be on its way on it, and what the
OpenAI SDKs stand on gives up connections that idled for 5 s (Python, httpx) and 4 s (Node, undici) by itself."""
HEADERS_BYTES_MAX = 32 * 1024
HEADERS_SECONDS = 15.0
"""From the first byte of a request to the last of its headers; later a 408 ends the connection."""
CUT_SECONDS, FLUSH_SECONDS = 2.0, 60.0
"""How long what was written last may take to reach a client whose connection is closed: of an answer that was cut
short, of a whole one."""
NEVER = 10**9


class CannotListen(Exception):
    """The address cannot be used; the message is one sentence for the owner."""


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """A socket that listens at the address; port 0 takes a free one. Raises CannotListen, which names the option."""
    if not 0 <= port <= 65_535:  # the system would take it modulo 65,536
        raise CannotListen(f"{port} is no port: say {option} with a number up to 65535")
    try:
        address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError):
        raise CannotListen(f"{host} is no address of this machine: say --host 127.0.0.1 or 0.0.0.0") from None
    found = socket.socket(address[0], address[1])
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address[4])
        # Only listening shows whether somebody else does: SO_REUSEADDR lets two sockets bind.
        found.listen(BACKLOG)
    except OSError as wrong:
        found.close()
        raise CannotListen(taken(host, port, wrong, option)) from None
    return found


def taken(host: str, port: int, wrong: OSError, option: str = "--port") -> str:
    """Why the address cannot be used and what to do, in one sentence."""
    if wrong.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop what listens there, or choose another with {option}"
    if wrong.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has: choose one above 1023 with {option}"
    if wrong.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: say --host 127.0.0.1 or 0.0.0.0"
    return f"cannot listen on {host} port {port}: {os.strerror(wrong.errno or 0)}"


def url_of(found: socket.socket) -> str:
    """Where clients on this machine reach the socket."""
    host, port = found.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


class Settings(Config):
    """Hypercorn's, and `impatient`: once it is set, idle connections are not waited for at the end (None: never)."""

    impatient: asyncio.Event | None = None


class PatientServer(TCPServer):
    """At the end Hypercorn closes what idles at once, and with it the connection on which a request may be arriving."""

    async def _idle_timeout(self) -> None:
        impatient = getattr(self.config, "impatient", None)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.context.terminated.wait(), self.config.keep_alive_timeout)
            if impatient is not None:
                await asyncio.wait_for(impatient.wait(), LINGER_SECONDS)
        await asyncio.shield(self._initiate_server_close())


class PlainProtocol(H11Protocol):
    """HTTP/1.1 that stays HTTP/1.1: Hypercorn would answer an h2c upgrade on the plain port. Clients that send their
    headers too slowly, or do not take what is left for them, are cut."""

    _headers_due: asyncio.TimerHandle | None = None

    async def handle(self, event: Event) -> None:
        """What came from the socket. A connection that has ended while it idled is over: Hypercorn would keep it, and
        an open file with it, until the keep-alive time is up."""
        await super().handle(event)
        self._watch_headers(over=isinstance(event, Closed))
        if isinstance(event, Closed):
            self._close_soon()
            await self.send(Updated(idle=False))

    async def _maybe_recycle(self) -> None:
        """After an answer. At the end Hypercorn closes every connection here; one whose client was not told so
        (`connection: close`, infra.runtime.wire) may bring a request at this very moment, so it idles for a while."""
        if not isinstance(self.connection, h11.Connection):
            await super()._maybe_recycle()
            return
        await self._close_stream()
        try:
            self.connection.start_next_cycle()
        except h11.LocalProtocolError:  # the last answer said that it was the last, or was cut short
            self._close_soon()
            await self.can_read.set()
            await self.send(Closed())
        else:
            await self.can_read.set()
            await self.send(Updated(idle=True))

    def _watch_headers(self, *, over: bool) -> None:
        """Hypercorn gives them the keep-alive time."""
        found = self.connection
        begun = isinstance(found, h11.Connection) and found.their_state is h11.IDLE and bool(found.trailing_data[0])
        if begun and not over:
            if self._headers_due is None:
                self._headers_due = asyncio.get_running_loop().call_later(
                    HEADERS_SECONDS, self.task_group.spawn, self._headers_late
                )
        elif self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    async def _headers_late(self) -> None:
        await self._send_error_response(408)
        await self.send(Closed())

    def _close_soon(self) -> None:
        """asyncio closes a socket only when all was sent, which never happens where the client takes nothing."""
        cut = isinstance(self.connection, h11.Connection) and self.connection.our_state is h11.SEND_BODY
        transport = self.send.__self__.writer.transport  # type: ignore[attr-defined]  # its TCPServer's
        asyncio.get_running_loop().call_later(CUT_SECONDS if cut else FLUSH_SECONDS, transport.abort)

    async def _check_protocol(self, event: h11.Request) -> None:
        # A proposal that hangs in the air would make h11 pause, and a client that leaves would not be noticed.
        if isinstance(self.connection, h11.Connection):
            self.connection._cstate.pending_switch_proposals.clear()


def settings(found: socket.socket, grace_seconds: float, impatient: asyncio.Event | None = None) -> Settings:
    """Hypercorn's configuration for a bound socket, which it takes over; `impatient` ends the waiting for requests on
    connections that idle, without it there is none."""
    hypercorn.protocol.H11Protocol = PlainProtocol  # type: ignore[attr-defined]
    hypercorn.asyncio.run.TCPServer = PatientServer  # type: ignore[attr-defined]
    config = Settings()
    config.impatient = impatient
    config.bind = [f"fd://{found.detach()}"]
    config.include_server_header = False
    config.backlog = BACKLOG
    config.read_timeout = None  # it would cut streams that are quiet for a while
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = NEVER
    config.h11_max_incomplete_size = HEADERS_BYTES_MAX
    config.graceful_timeout = grace_seconds
    config.errorlog = logging.getLogger("hypercorn.error")  # as it is: it goes where all our events go
    return config
