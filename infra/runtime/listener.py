"""The socket that the gateway listens on, and Hypercorn's settings for it (docs/libraries.md, Hypercorn)."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable

import hypercorn.asyncio.run
import hypercorn.protocol
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config

from infra.runtime.http11 import LINGER_SECONDS, Connection

BACKLOG = 1024
__all__ = ["LINGER_SECONDS"]
KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s that load balancers keep idle connections for, so that they close first and never race us."""
UNSENT_BYTES_MAX = 128 * 1024
"""What the system keeps for a client that does not read: megabytes of its own accord, for each of them."""
HEADERS_BYTES_MAX = 32 * 1024
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
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # its connections inherit it
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
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
    """Hypercorn's, and what our protocol asks for beside."""

    impatient: asyncio.Event | None = None
    """Once it is set, idle connections are not waited for at the end; None: never."""
    headers_seconds: Callable[[], float]
    """How long a client may take to send its headers, as gateway.yaml says at the moment."""


class PatientServer(TCPServer):
    """At the end Hypercorn closes what idles at once, and with it the connection on which a request may be arriving."""

    async def _idle_timeout(self) -> None:
        impatient = getattr(self.config, "impatient", None)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.context.terminated.wait(), self.config.keep_alive_timeout)
            if impatient is not None:
                await asyncio.wait_for(impatient.wait(), LINGER_SECONDS)
        await asyncio.shield(self._initiate_server_close())


def settings(
    found: socket.socket,
    grace_seconds: float,
    headers_seconds: Callable[[], float],
    impatient: asyncio.Event | None = None,
) -> Settings:
    """Hypercorn's configuration for a bound socket, which it takes over; `impatient` ends the waiting for requests on
    connections that idle, without it there is none."""
    hypercorn.protocol.H11Protocol = Connection  # type: ignore[assignment, attr-defined]
    hypercorn.asyncio.run.TCPServer = PatientServer  # type: ignore[attr-defined]
    config = Settings()
    config.impatient, config.headers_seconds = impatient, headers_seconds
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
