"""One gateway process of a simulation: the real ledger, writer, spool and pulse on a database that is not real."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from infra.backends.lease import Lease
from infra.errors import GatewayError
from infra.ledger.books import OPEN
from infra.ledger.ledger import Ledger
from infra.ledger.operations import Progress
from infra.runtime import pulse
from tests.simulate.proof import Truth, after_commit, demand
from tests.simulate.world import Crash, FakeVault, World

RESTART_SECONDS = 1.0
running: ContextVar["Process"] = ContextVar("process")


class Process:
    """Dies by `Crash` or by `kill`, and comes back with a new instance id until it is told to `stop`."""

    def __init__(self, world: World, truth: Truth, random: Random, who: int, folder: Path, alone: bool) -> None:
        self.world, self.truth, self.random, self.who = world, truth, random, who
        self.folder, self.alone = folder, alone
        self.ledger: Ledger | None = None
        self.relays: dict[str, Any] = {}
        self.synced = 0
        """Bytes of the spool that a power cut leaves."""
        self.deaths = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._killed = asyncio.Event()
        self._stopping = False

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that dies with the process."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        return task

    def kill(self) -> None:
        """kill -9."""
        self._killed.set()

    def stop(self) -> None:
        """Lets it end properly."""
        self._stopping = True
        self._killed.set()

    async def live(self) -> None:
        """Start, run, die, start again."""
        running.set(self)
        while not self._stopping:
            self._killed.clear()
            if await self._start():
                await self._until_death()
            await self._die()
            await asyncio.sleep(self.random.uniform(0.1, RESTART_SECONDS))

    async def _start(self) -> bool:
        self.deaths += 1
        instance = f"inst_{self.who}_{self.deaths}"
        store: Any = SimpleNamespace(
            dialect="sqlite", url=SimpleNamespace(path=str(self.folder / "db")), rows=self._rows
        )
        ledger = Ledger(store, instance)
        ledger.writer._vault = FakeVault(self.world, self.who, lambda books: self._check(books))
        self._beginning = self.spawn(self._begin(ledger))
        return await self._over(self._beginning, ledger)

    async def _rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return await self.world.rows(self.who, sql, *values)

    def _check(self, books: Any) -> None:
        after_commit(self.world.tables, books, self.truth)

    async def _begin(self, ledger: Ledger) -> None:
        """As `Gateway.start` does."""
        self.starting = ledger
        await ledger.start()
        gateway: Any = SimpleNamespace(
            relays=self.relays,
            ledger=ledger,
            url="http://here",
            alone=self.alone,
            lease=Lease(asyncio.get_running_loop().time),
            pool=SimpleNamespace(sharing=None),
        )
        await pulse.renew(gateway)
        if self.alone:
            await ledger.recover(all_others=True)
            self._demand_no_heritage(ledger)
        self.ledger = ledger
        self.spawn(pulse.beat(gateway, True))

    def _demand_no_heritage(self, ledger: Ledger) -> None:
        faults = self.world.faults
        if faults.fail or faults.lost_answer or faults.outages:
            return  # what failed now comes with the pulse
        rows = [row for row in self.world.tables.requests.values() if row.state in OPEN]
        demand(all(row.instance == ledger.instance for row in rows), f"a dead process still holds: {rows}")

    async def _over(self, beginning: asyncio.Task[None], ledger: Ledger) -> bool:
        """Whether the process serves now; it may die on the way."""
        while not beginning.done():
            writer = ledger.writer._task
            if self._killed.is_set() or (writer is not None and writer.done()):
                return False
            await asyncio.sleep(0.01)
        error = beginning.exception()
        if error is not None and not isinstance(error, OSError | GatewayError):
            raise error
        return error is None

    async def _until_death(self) -> None:
        assert self.ledger is not None and self.ledger.writer._task is not None
        killed = asyncio.create_task(self._killed.wait())
        await asyncio.wait({self.ledger.writer._task, killed}, return_when=asyncio.FIRST_COMPLETED)
        killed.cancel()
        if self._stopping and not self.ledger.writer._task.done():
            await self.ledger.stop()

    async def _die(self) -> None:
        ledger, self.ledger = self.starting, None
        if ledger.writer._task is not None:
            self._tasks.add(ledger.writer._task)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for task in self._tasks:
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, Crash | OSError | GatewayError):
                raise error
        self._tasks.clear()
        self.relays.clear()
        if ledger.instance in self.world.tables.leases and self.random.random() < 0.5:
            self.world.tables.leases[ledger.instance] = 0  # somebody beside it has seen that it is gone
        spool = ledger.writer._spool
        assert spool is not None
        if spool.used and spool.path.exists() and not self._stopping:
            # Of what was written and not synced, any part may be there.
            size = spool.path.stat().st_size
            os.truncate(spool.path, self.random.randint(min(self.synced, size), size))
        spool.close()
        self.synced = 0

    def on_disk(self, request_id: str) -> bool:
        """Whether the bill of a request is in the database or in the spool."""
        assert self.ledger is not None and self.ledger.writer._spool is not None
        row = self.world.tables.requests.get(request_id)
        return request_id in self.ledger.writer._spool._written or (row is not None and row.state not in OPEN)


def reach(chance: float) -> Callable[[str], None]:
    """In the place of `failpoint.reach`: dies at any named place with this probability."""

    def reached(name: str) -> None:
        process = running.get()
        if name == "after-spool":
            spool = process.starting.writer._spool
            assert spool is not None
            process.synced = spool.path.stat().st_size
        if name in ("in-spool", "after-spool", "before-spool-removal"):
            demand(process.starting.writer._spool is not None, "no spool")
        if process.random.random() < chance:
            raise Crash

    return reached


class Live:
    """A stream that runs; `checkpoint` is what the pulse asks of a relay. No backend has it."""

    sending = SimpleNamespace(seat=None)

    def __init__(self, id: str, prompt: int, each: int) -> None:
        self.id, self.prompt, self.each = id, prompt, each
        self.pieces = 0

    @property
    def cost(self) -> int:
        """What it would be billed now."""
        return self.prompt + self.pieces * self.each

    def checkpoint(self) -> Progress | None:
        """See `Relay.checkpoint`."""
        return Progress(self.id, self.cost, "{}", 1, self.pieces, None) if self.pieces else None
