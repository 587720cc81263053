"""Serves one gateway in this process until a signal: the server's settings, drain, reload."""

import asyncio
import logging
import signal
import socket

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from infra.config import ConfigError
from infra.errors import GatewayError
from infra.runtime.gateway import Gateway
from infra.runtime.http11 import only_http11

log = logging.getLogger("aethergate.serve")

BACKLOG = 1024
KEEP_ALIVE_SECONDS = 75.0
FLUSH_SECONDS = 15.0


class PortInUse(Exception):
    """The address to serve on is taken or not ours; the message is one sentence."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortInUse(f"Port {port} on {host} cannot be used ({error.strerror}): choose another with --port.") from None
    return listener


def server_config(listener: socket.socket, drain_seconds: float) -> Config:
    """Hypercorn's settings; STACK.md "Traps" gives the reasons."""
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.backlog = BACKLOG
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = 1_000_000
    config.graceful_timeout = drain_seconds
    config.loglevel = "WARNING"
    return config


async def serve(gateway: Gateway, listener: socket.socket, stop: asyncio.Event | None = None) -> None:
    """Serves a started gateway: SIGTERM or SIGINT drains, a second one shortens it, SIGHUP reloads. Returns when all
    is served and booked; the gateway is stopped then."""
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set():
            log.warning("a second signal: running requests are ended")
            gateway.spawn(gateway.cut(), name="cut")
            return
        log.info("draining", extra={"running": len(gateway.relays)})
        gateway.drain()
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    loop.add_signal_handler(signal.SIGHUP, lambda: gateway.spawn(_reload(gateway), name="reload"))
    only_http11()
    try:
        config = server_config(listener, gateway.manifest.gateway.drain)
        await hypercorn_serve(gateway.app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
        await gateway.finished(FLUSH_SECONDS)
    finally:
        await gateway.stop()


async def _reload(gateway: Gateway) -> None:
    """SIGHUP: a faulty file changes nothing and says why."""
    try:
        changes = await gateway.reload()
    except (ConfigError, GatewayError) as error:
        log.error("gateway.yaml was not applied: %s", error)
        return
    log.info("gateway.yaml applied", extra={"changes": [f"{c.kind} {c.subject}: {c.text}" for c in changes]})


