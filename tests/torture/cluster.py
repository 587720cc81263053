"""Real gateways that may be killed: SQLite with one worker, SQLite with two, PostgreSQL with two replicas."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from infra.config.urls import database_url
from infra.ledger import audit
from infra.store.database import Store
from tests.standins.openai_backend import StandIn
from tests.standins.served import Served, served

FULL = os.environ.get("AETHERGATE_TORTURE") == "full"
"""`make torture`: the numbers that are promised; else a shrunk version of each."""
Kind = Literal["sqlite", "sqlite-2", "postgres-2"]
MANIFEST = """
gateway: {{database: "{database}", drain: {drain}}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 256, queue: {{length: 512, wait: 30s}}}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 64}}
  exact: {{backend: one/stand-in, price: {{input: 0, output: 2.00/1M}}, max_output: 16}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [GET /health, GET /health/live, GET /health/ready], function: functions.health, access: open}}
  - {{routes: [GET /admin/users, POST /admin/users, "GET /admin/users/{{id}}", "PATCH /admin/users/{{id}}"],
      function: functions.admin_users, access: admin}}
  - {{routes: [POST /admin/keys, "DELETE /admin/keys/{{id}}"], function: functions.admin_keys, access: admin}}
  - {{routes: [GET /admin/backends, "PATCH /admin/backends/{{name}}"], function: functions.admin_backends,
      access: admin}}
  - {{routes: [POST /admin/models], function: functions.admin_models, access: admin}}
  - {{routes: [GET /metrics], function: functions.metrics, access: admin}}
"""


@dataclass
class Cluster:
    """The processes that serve one database, and a look into it that is not theirs."""

    kind: Kind
    folder: Path
    backend: StandIn
    database: str
    store: Store
    random: Random
    environ: Mapping[str, str] = field(default_factory=dict)
    manifest: str = MANIFEST
    module: str = "admin_cli"
    """Who serves; `tests.standins.hurried` with short leases, but not with several workers."""
    gates: list[Served] = field(default_factory=list)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _starts: int = 0

    async def start(self, environ: Mapping[str, str] | None = None) -> None:
        """All of them."""
        count = 2 if self.kind == "postgres-2" else 1
        self.gates = list(await asyncio.gather(*(self.begin(environ) for _ in range(count))))

    async def begin(self, environ: Mapping[str, str] | None = None) -> Served:
        """One more gateway, answering; with a failpoint it may be dead already."""
        self._starts += 1
        folder = self.folder / f"start-{self._starts}"
        folder.mkdir()
        words = ("--workers", "2") if self.kind == "sqlite-2" else ()
        told: Any = {
            "database": self.database,
            "manifest": self.manifest,
            "environ": environ or {},
            "module": self.module,
        }
        gate = await self._stack.enter_async_context(served(folder, self.backend.url, *words, **told))
        serving = asyncio.create_task(gate.event("serving", 2 if words else 1, seconds=120))
        ended = asyncio.create_task(gate.process.wait())
        done, pending = await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if serving in done and gate.process.returncode is None:
            assert serving.exception() is None, f"not serving after 120 s: {gate.said} {gate.lines[-3:]}"
        return gate

    def urls(self) -> list[str]:
        """Where somebody answers."""
        return [gate.url for gate in self.gates if gate.process.returncode is None and gate.lines]

    async def kill(self) -> None:
        """kill -9 of one process at random; it is replaced."""
        gate = self.random.choice(self.gates)
        if self.kind == "sqlite-2":
            await self._one_serves(gate)
            living = {line["pid"] for line in gate.lines if line["event"] == "a worker starts"}
            living -= {pid for pid in living if not _lives(pid)}
            if living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.random.choice(sorted(living)), signal.SIGKILL)
            return
        gate.signal(signal.SIGKILL)
        await gate.ended()
        self.gates[self.gates.index(gate)] = await self.begin()

    async def _one_serves(self, gate: Served) -> None:
        """Somebody must be there to be killed under load: a start takes longer than the time between two kills."""
        async with asyncio.timeout(60):
            while not any(line["event"] == "a worker serves" and _lives(line["pid"]) for line in gate.lines):
                await asyncio.sleep(0.05)

    async def kill_all(self) -> None:
        """kill -9 of everything at once."""
        for gate in self.gates:
            pids = {line["pid"] for line in gate.lines if line["event"] == "a worker starts"}
            with contextlib.suppress(ProcessLookupError):
                gate.signal(signal.SIGKILL)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for gate in self.gates:
            await gate.ended()

    async def stop(self) -> None:
        """SIGTERM to all; each ends properly."""
        for gate in self.gates:
            gate.signal(signal.SIGTERM)
        for gate in self.gates:
            assert await gate.ended() == 0, gate.said

    async def close(self) -> None:
        """Ends whatever still runs."""
        await self._stack.aclose()

    # --- a look into the database -------------------------------------------------------------------------------------

    async def open_rows(self) -> list[dict[str, Any]]:
        """Requests that still hold money."""
        return await self.store.rows(
            "SELECT id, instance, stream, progress FROM requests WHERE state IN ('HELD', 'STREAMING')"
        )

    async def rows(self) -> dict[str, dict[str, Any]]:
        """All requests by id."""
        found = await self.store.rows("SELECT * FROM requests")
        return {row["id"]: row for row in found}

    async def instances(self) -> set[str]:
        """All that ever lived."""
        return {row["id"] for row in await self.store.rows("SELECT id FROM instances")}

    async def busiest(self) -> tuple[str, int, int]:
        """Of those who serve the one with the most open requests: its instance, its process, how many."""
        rows = await self.store.rows(
            "SELECT i.id, i.pid, COUNT(*) AS open FROM requests r JOIN instances i ON i.id = r.instance"
            " WHERE r.state IN ('HELD', 'STREAMING') GROUP BY i.id, i.pid ORDER BY 3 DESC"
        )
        return rows[0]["id"], rows[0]["pid"], rows[0]["open"]

    async def acquainted(self, seconds: float = 20) -> None:
        """Waits until each of several processes has heard of the others, and so keeps no slots that it does not need.
        Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while self.kind != "sqlite":
                rows = await self.store.rows("SELECT slots FROM slot_shares")
                if len(rows) >= 2 and not any(row["slots"] for row in rows):
                    return
                await asyncio.sleep(0.05)

    def beside(self, pid: int) -> list[str]:
        """Where somebody else answers; of several workers any of them does."""
        return [gate.url for gate in self.gates if gate.process.pid != pid]

    async def resolved(self, seconds: float, of: set[str] | None = None) -> float:
        """Waits until nothing (of these instances) is held; seconds that it took. Raises AssertionError."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            left = [row for row in await self.open_rows() if of is None or row["instance"] in of]
            if not left:
                return loop.time() - began
            assert loop.time() - began < seconds, f"still held after {seconds} s: {left}"
            await asyncio.sleep(0.05)

    async def proved(self) -> None:
        """The books are clean, to the nano."""
        report = await audit.audit(self.store, reprice=True)
        assert report.clean, report.findings[:5]
        assert report.held_total == 0


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextlib.asynccontextmanager
async def cluster(kind: Kind, folder: Path, database: str, seed: int = 1) -> AsyncIterator[Cluster]:
    """A cluster with its backend; not started yet."""
    async with StandIn() as backend:
        store = Store(database_url(database))
        await store.open()
        found = Cluster(kind, folder, backend, database, store, Random(seed))
        try:
            yield found
        finally:
            await found.close()
            await store.close()
