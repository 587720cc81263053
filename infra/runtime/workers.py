"""Several serving processes on one socket: started, watched, replaced when they die, drained together.

Hypercorn's own supervisor cuts the streams of its other workers as soon as one ends (docs/libraries.md, Hypercorn).
Here the parent
binds, each child serves the inherited socket, and standard input is a child's life line: its end means that the parent
is gone. On SQLite the parent holds the file's lock and the children inherit it, so that nobody else takes the file
while one of them still drains.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence

from infra.backends.share_vaults import forget_the_dead
from infra.config.database import DatabaseUrl
from infra.ledger import life
from infra.ledger.ledger import Ledger
from infra.runtime.gateway import Gateway
from infra.runtime.lifeline import until_end_of_input
from infra.runtime.lock import DatabaseLock
from infra.runtime.serve import Ready, Stop
from infra.store.database import Store
from infra.store.ids import new

log = logging.getLogger("aethergate.workers")
RESPAWN_SECONDS = 1.0
READY = b"ready "
"""What a worker says once it serves; its instance follows."""


class WorkersFailed(Exception):
    """No worker can serve; each has said why on stderr."""


class Workers:
    """`command` starts one worker, with `--fd N` after it; `lock` is that of a SQLite file, held."""

    def __init__(
        self,
        command: Sequence[str],
        listening: socket.socket,
        count: int,
        database: DatabaseUrl,
        lock: DatabaseLock | None = None,
    ) -> None:
        self._database = database
        self._listening = listening
        self._command = [*command, "--fd", str(listening.fileno())]
        self._fds = [listening.fileno(), *([lock.fileno()] if lock is not None else [])]
        self._count = count
        self._children: set[asyncio.subprocess.Process] = set()
        self._was_ready = False
        self._stopping = asyncio.Event()
        self._refused = False

    async def run(self) -> None:
        """Until a signal has come and every worker has ended. Raises WorkersFailed where none ever served."""
        async with self._signals():
            await asyncio.gather(*(self._keep(number) for number in range(1, self._count + 1)))
        if self._refused:
            raise WorkersFailed("the workers cannot serve; each has said why above")

    async def _keep(self, number: int) -> None:
        """One worker and whoever takes its place."""
        while not self._stopping.is_set():
            code, instance = await self._live(number)
            if self._stopping.is_set():
                return
            if code == 1 and not self._was_ready:
                # It was refused before anybody served: the configuration is wrong, another try changes nothing.
                self._refused = True
                self._stop()
                return
            log.error("a worker died", extra={"worker": number, "code": code})
            freeing = asyncio.create_task(self._end_lease(instance)) if instance is not None else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RESPAWN_SECONDS)
            if freeing is not None:
                await freeing

    async def _live(self, number: int) -> tuple[int, str | None]:
        """Its exit code, and the instance as which it served."""
        child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=self._fds,
            start_new_session=True,  # a Ctrl-C reaches them once, through us
        )
        self._children.add(child)
        log.info("a worker starts", extra={"worker": number, "pid": child.pid})
        if self._stopping.is_set():
            _send(child, signal.SIGTERM)
        instance = None
        try:
            assert child.stdout is not None
            async for line in child.stdout:
                if line.startswith(READY):
                    self._was_ready, instance = True, line.removeprefix(READY).decode().strip()
                    log.info("a worker serves", extra={"worker": number, "pid": child.pid})
            code = await child.wait()
        finally:
            self._children.discard(child)
        return code, instance

    async def _end_lease(self, instance: str) -> None:
        """We saw it die: nobody need wait until its lease runs out to free what it held."""
        try:
            await asyncio.wait_for(end_lease(self._database, instance), RESPAWN_SECONDS)
        except Exception as error:  # noqa: BLE001 - the database's drivers raise what they like, and the lease runs out
            log.warning("the lease of the dead worker runs on: %s: %s", type(error).__name__, error)

    def _stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self._stopping.set()
        self._listening.close()  # with ours open, new connections would wait for workers that take none
        self._pass_on(number)

    def _pass_on(self, number: signal.Signals) -> None:
        for child in self._children:
            _send(child, number)

    @contextlib.asynccontextmanager
    async def _signals(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        doing: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: lambda: self._stop(signal.SIGTERM),
            signal.SIGINT: lambda: self._stop(signal.SIGINT),
            signal.SIGHUP: lambda: self._pass_on(signal.SIGHUP),
        }
        for number, do in doing.items():
            loop.add_signal_handler(number, do)
        try:
            yield
        finally:
            for number in doing:
                loop.remove_signal_handler(number)


async def end_lease(database: DatabaseUrl, instance: str) -> None:
    """Whoever looks for the dead next finds this one. Raises what the database's driver raises."""
    store = Store(database)
    await store.open()
    try:
        await life.end_lease(store, instance)
    finally:
        await store.close()


async def resolve_the_dead(database: DatabaseUrl) -> None:
    """With a SQLite file's lock in hand and no worker yet, whatever is open is a dead process's: it is resolved now,
    not when its lease runs out. Raises SchemaTooNew, OSError, sqlite3.Error."""
    store = Store(database)
    await store.open()
    ledger = Ledger(store, new("inst"))
    try:
        await ledger.start()
        resolved = await ledger.recover(all_others=True)
        await forget_the_dead(store, all=True)
        if resolved:
            log.warning("resolved requests of a process that died", extra={"requests": resolved})
    finally:
        await ledger.stop()
        await store.close()


def _send(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(number)


def worker(stop: Stop) -> Ready:
    """What a worker does beside serving: says that it serves, and drains when its parent is gone."""

    async def ready(gateway: Gateway, _: str) -> None:
        sys.stdout.buffer.write(READY + gateway.ledger.instance.encode() + b"\n")
        sys.stdout.flush()
        await until_end_of_input()
        stop.ask()

    return ready
