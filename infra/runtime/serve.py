"""One process that serves: from the bound socket to the last byte of the last stream.

SIGTERM           not ready, the listener closes, running requests finish (`drain:` in gateway.yaml), then the end;
                  each open connection may still bring one request, those that idle are closed after 6 s
SIGINT            the same, and connections that idle are closed at once: a person waits
a second one      running streams get an error event now, billed as far as they came
SIGHUP            gateway.yaml is read again; a faulty one changes nothing
"""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve

from infra.config.database import DatabaseUrl
from infra.config.faults import ConfigError
from infra.config.objects import Manifest, Secrets
from infra.config.urls import database_url
from infra.runtime.gateway import Gateway
from infra.runtime.listener import settings, url_of
from infra.runtime.lock import DatabaseLock
from infra.store import sqlite_library

log = logging.getLogger("aethergate.serve")
GARBAGE_EVERY = 5_000
"""Objects between two looks at the youngest; Python's 700 are those of a few requests."""
HURRIED_SECONDS = 10.0
"""What answers under way get once nobody wants to wait for them any more."""


class Stop:
    """How the end is asked for: once to drain, twice to hurry."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.hurry = asyncio.Event()
        self.impatient = asyncio.Event()
        """Idle connections are not waited for."""

    def ask(self, number: signal.Signals = signal.SIGTERM) -> None:
        """One more signal."""
        if self.drain.is_set() or number == signal.SIGINT:
            self.impatient.set()
        (self.hurry if self.drain.is_set() else self.drain).set()


Ready = Callable[[Gateway, str], Coroutine[Any, Any, None]]
"""Told the gateway and its URL."""


async def serve(
    manifest: Manifest,
    secrets: Secrets,
    listening: socket.socket,
    *,
    only: str | None = None,
    stop: Stop | None = None,
    ready: Ready | None = None,
    worker: bool = False,
) -> None:
    """Serves on the socket until told to stop; `ready` is awaited beside it once requests are answered. A `worker` has
    others beside it on its database, and a parent that holds the lock.

    Raises DatabaseLocked, SchemaTooNew, OSError and the database driver's errors before it serves.
    """
    stop = stop or Stop()
    url = url_of(listening)
    held = contextlib.nullcontext() if worker else locked(database_url(manifest.gateway.database), url)
    with contextlib.closing(listening), held:
        gateway = Gateway.create(manifest, secrets, only=only, alone=False if worker else None)
        try:
            await gateway.start(url=url)
            still_heap()
            async with _signals(gateway, stop):
                log.info("serving", extra={"url": url, "sqlite": _sqlite(gateway)})
                await _until_stopped(gateway, listening, url, stop, ready)
        finally:
            await gateway.stop()
            log.info("stopped")


def still_heap() -> None:
    """What is there at the start stays: the collector, off until then, need not look through it again and again. A full
    pass over all modules stops every stream for a tenth of a second and more."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(GARBAGE_EVERY, 10, 5)


@contextlib.contextmanager
def locked(database: DatabaseUrl, url: str) -> Iterator[DatabaseLock | None]:
    """On SQLite one gateway per file, else DatabaseLocked; on PostgreSQL the instance rows tell who lives."""
    lock = DatabaseLock(database.path) if database.dialect == "sqlite" else None
    if lock is not None:
        lock.acquire(url)
    try:
        yield lock
    finally:
        if lock is not None:
            lock.release()


async def _until_stopped(gateway: Gateway, listening: socket.socket, url: str, stop: Stop, ready: Ready | None) -> None:
    drain = gateway.manifest.gateway.drain
    config = settings(listening, drain + 2 * HURRIED_SECONDS, gateway.headers_seconds, stop.impatient)
    server = asyncio.create_task(hypercorn_serve(gateway.app, config, shutdown_trigger=stop.drain.wait), name="server")
    helper = asyncio.create_task(ready(gateway, url), name="ready") if ready is not None else None
    asked = asyncio.create_task(stop.drain.wait())
    waited = {server, asked, helper} if helper is not None else {server, asked}
    while not (server.done() or asked.done()):
        done, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if helper in done and helper is not None and helper.exception() is not None:
            stop.drain.set()
    gateway.drain()
    for task in (asked, helper):
        if task is not None and not task.done():
            task.cancel()
    await _drain(gateway, server, stop, drain)
    if helper is not None and helper.done() and not helper.cancelled():
        helper.result()


async def _drain(gateway: Gateway, server: asyncio.Task[None], stop: Stop, seconds: float) -> None:
    """Waits for what runs, at most `seconds` or until somebody hurries us; then ends it."""
    running = len(gateway.relays)
    if running:
        log.info("draining", extra={"requests": running, "seconds": seconds})
    hurried = asyncio.create_task(stop.hurry.wait())
    await asyncio.wait({server, hurried}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if not server.done():
        log.warning("ending what still runs", extra={"requests": len(gateway.relays)})
        await gateway.cut()
        await asyncio.wait({server}, timeout=HURRIED_SECONDS)
    if not server.done():
        server.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await server


@contextlib.asynccontextmanager
async def _signals(gateway: Gateway, stop: Stop) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(gateway))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.ask, number)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
        await asyncio.gather(*reloads)


async def _reload(gateway: Gateway) -> None:
    """SIGHUP: whatever comes of it is logged, and the old file stays in force where the new one is faulty."""
    try:
        changes = await gateway.reload()
    except ConfigError as faults:
        log.error("gateway.yaml was not applied, the old one stays in force: %s", faults)
    except Exception:
        log.exception("gateway.yaml was not applied")
    else:
        log.info("gateway.yaml was read again", extra={"changes": [f"{c.subject}: {c.text}" for c in changes]})


def _sqlite(gateway: Gateway) -> str | None:
    """The library's version, with a warning where it has the bug that corrupts WAL databases."""
    if gateway.store.dialect != "sqlite":
        return None
    found = sqlite_library.version()
    text = ".".join(map(str, found))
    if sqlite_library.has_wal_reset_bug(found):
        log.warning("SQLite %s has a bug that can corrupt a database with two connections: pip install pysqlite3", text)
    return text
