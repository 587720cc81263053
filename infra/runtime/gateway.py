"""The gateway: the rooms put together, and the tasks that keep them going."""

import asyncio
import ipaddress
import logging
import os
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec

from infra.backends.lease import Lease
from infra.backends.pool import Pool
from infra.backends.share_vaults import share_vault
from infra.backends.shares import Report
from infra.backends.sharing import Sharing
from infra.catalogue.catalogue import Catalogue
from infra.config.changes import Change, plan
from infra.config.environment import read_env
from infra.config.loader import load as load_manifest
from infra.config.objects import Endpoint, Manifest, Secrets
from infra.config.urls import database_url
from infra.errors import BadRequest, NotFound, ShuttingDown
from infra.identity.identity import Identity
from infra.journal.journal import Journal
from infra.ledger import life
from infra.ledger.ledger import Ledger
from infra.ledger.writer import Writer
from infra.limits.batch import Amend, Leave
from infra.limits.limiter import Limiter
from infra.limits.shared import SharedWindows
from infra.limits.vaults import windows_vault
from infra.live.live import Live
from infra.live.told import Told
from infra.runtime import drains, fence, pulse, rolling
from infra.runtime.afterwards import Afterwards
from infra.runtime.functions import Function, load, load_anew
from infra.runtime.relay import Relay
from infra.runtime.replays import Recent
from infra.runtime.router import Router
from infra.runtime.table import Table, build
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.ids import new
from infra.store.models import AuditEvent
from infra.telemetry.figures import Telemetry

log = logging.getLogger("aethergate.gateway")


class Gateway:
    """One per process. `create`, `start`, serve `app`, `drain`, `stop`."""

    def __init__(
        self, manifest: Manifest, secrets: Secrets, *, only: str | None = None, alone: bool | None = None
    ) -> None:
        self.manifest = manifest
        self.secrets = secrets
        self.only = only
        self.store = Store(database_url(manifest.gateway.database))
        self.ledger = Ledger(self.store, new("inst"))
        self.identity = Identity(self.store, secrets)
        self.catalogue = Catalogue(self.store)
        self.journal = Journal(self.store)
        self.alone = self.store.dialect == "sqlite" if alone is None else alone
        """Whether this process has its database for itself; else limits are counted in the database."""
        self.limiter = Limiter()
        self._windows: SharedWindows | None = None
        self.pool = Pool(manifest.backends)
        self.telemetry = Telemetry()
        self.functions: list[Function] = []
        self.table = Table()
        self.relays: dict[str, Relay] = {}
        """Requests to models that run now, by id."""
        self.live = Live(self)
        self.told = Told(self)
        self.afterwards = Afterwards()
        self.pool.noted = self.told.backend
        self.recent = Recent()
        self.draining = self.closing = False
        self.url: str | None = None
        self.started_us = now_us()
        self.app = Router(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pulse: asyncio.Task[None] | None = None
        self.lease = Lease()
        self._rolling: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()

    @classmethod
    def create(
        cls, manifest: Manifest, secrets: Secrets, *, only: str | None = None, alone: bool | None = None
    ) -> "Gateway":
        """A gateway that is not started yet; `only` names the one function that it serves, beside health. `alone` says
        whether other processes use its database at the same time: by default on PostgreSQL they may."""
        return cls(manifest, secrets, only=only, alone=alone)

    # --- its life -----------------------------------------------------------------------------------------------------

    async def start(self, *, serving: bool = True, url: str | None = None) -> None:
        """Migrates, resolves what a dead process left, loads the functions. Without `serving` (the CLI's own use) no
        backend is probed or started and no lease is taken.

        Raises SchemaTooNew, OSError, the database driver's errors.
        """
        self.url = url
        await self.store.open()
        await self.ledger.start()
        await self.catalogue.load(self.manifest)
        await self.identity.refresh()  # sessions that ended before this process began
        self._load_functions(self.manifest)
        for function in self.functions:
            await function.start()
        if serving:
            await pulse.renew(self)
            # Who is alone has the lock (infra.runtime.lock): nobody else can be alive. Among others the pulse does it.
            recovered = await self.ledger.recover(all_others=True) if self.alone else 0
            if recovered:
                log.warning("resolved requests of a process that died", extra={"requests": recovered})
            if not self.alone:
                await life.register(self.store, self.ledger.instance)
                await self._share_limits()
                await self._share_slots()
            await drains.refresh(self)
            await self.pool.start()
        self._pulse = asyncio.create_task(pulse.beat(self, serving), name="pulse")
        if serving:
            work = rolling.roll(self.store, lambda: self.manifest.gateway.journal.keep)
            self._rolling = asyncio.create_task(work, name="rolling")

    async def _share_limits(self) -> None:
        writer = Writer(windows_vault(self.store, self.ledger.instance), lambda _: None, kept=(Amend, Leave))
        self._windows = SharedWindows(writer)
        await self._windows.start()
        self.limiter = Limiter(windows=self._windows)

    async def _share_slots(self) -> None:
        writer = Writer(share_vault(self.store, self.ledger.instance), lambda _: None, dropped=(Report,))
        self.pool.sharing = Sharing(writer, self.ledger.instance, self.lease, lambda: fence.end_lapsed(self))
        await self.pool.sharing.start()

    def drain(self) -> None:
        """Not ready for others to send work to; what runs goes on, and so does what still comes on open connections.
        Streams of events would never end by themselves."""
        self.draining = True
        self.live.hub.close()

    async def finished(self, timeout: float) -> bool:
        """Waits until nothing runs, at most `timeout` seconds; True where all is done."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + timeout
        while self._tasks and loop.time() < give_up:
            await asyncio.wait(set(self._tasks), timeout=give_up - loop.time())
        return not self._tasks

    async def cut(self) -> None:
        """Takes no new work and ends what runs: streams get an error event and are billed as far as they came."""
        self.draining = self.closing = True
        because = ShuttingDown("The gateway is restarting.")
        await asyncio.gather(*(relay.leave(because=because) for relay in list(self.relays.values())))

    async def stop(self) -> None:
        """Ends what still runs and closes the rooms."""
        for task in (self._pulse, self._rolling):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        self.live.hub.close()
        await self.live.watch.stop()
        await self.cut()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=15)
        for function in self.functions:
            await function.stop()
        await self.pool.stop()
        if self.pool.sharing is not None:
            await self.pool.sharing.stop()
        await self.identity.flush_last_used()
        if self._windows is not None:
            await self._windows.stop()
        await self.ledger.stop()
        await self.store.close()
        self.afterwards.catch_up()

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Starts a task that the gateway keeps alive and waits for at its end."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- gateway.yaml -------------------------------------------------------------------------------------------------

    def _load_functions(self, manifest: Manifest) -> None:
        # An owner's own function is a folder beside gateway.yaml; ours come first.
        folder = str(Path(manifest.path).resolve().parent)
        if folder not in sys.path:
            sys.path.append(folder)
        self.functions = [load(endpoint) for endpoint in manifest.endpoints if self._served(endpoint)]
        self.table = build(self.functions)

    def _served(self, endpoint: Endpoint) -> bool:
        return self.only is None or endpoint.name in (self.only, "health")

    async def apply(self, manifest: Manifest) -> None:
        """Puts a checked manifest in the place of the old one; running requests end by the old one."""
        async with self._reloading:
            before = self.functions
            await self.catalogue.apply(manifest)
            await self.pool.reload(manifest.backends)
            self._load_functions(manifest)
            for function in self.functions:
                await function.start()
            self.manifest = manifest
            for function in before:
                await function.stop()
            log.info("gateway.yaml applied", extra={"file": Path(manifest.path).name})

    def read_manifest(self) -> Manifest:
        """gateway.yaml as it is on the disk now; raises ManifestFaults, ConfigError. Changes nothing."""
        path = Path(self.manifest.path)
        return load_manifest(path, read_env(path.resolve().parent, os.environ))

    def changes(self, manifest: Manifest) -> list[Change]:
        """What this manifest would change here, counted from the prices in force."""
        return plan(self.manifest, manifest, self.catalogue.prices_in_force())

    async def reload_function(self, name: str) -> Function:
        """Imports one endpoint's function anew, the others untouched. Raises NotFound, and BadRequest where it cannot
        be loaded as it is now, but could before: then the one before serves on."""
        async with self._reloading:
            place = next((at for at, one in enumerate(self.functions) if one.endpoint.name == name), None)
            if place is None:
                raise NotFound(f"There is no endpoint {name[:80]!r} in this process.")
            before = self.functions[place]
            fresh = await load_anew(before.endpoint)
            if fresh.app is None and before.app is not None:
                raise BadRequest(f"{name} cannot be loaded as it is now ({fresh.error}); the one before serves on.")
            self.functions[place] = fresh
            self.table = build(self.functions)
            await before.stop()
        log.info("a function was loaded anew", extra={"endpoint": name, "error": fresh.error})
        return fresh

    async def reload(self) -> list[Change]:
        """Reads the file and applies it; a faulty one raises ManifestFaults and changes nothing."""
        manifest = await asyncio.to_thread(self.read_manifest)
        changes = self.changes(manifest)
        await self.apply(manifest)
        for change in changes:
            if change.kind == "backend":
                self.told.diary.note(change.subject, "config", change.text)
        return changes

    def headers_seconds(self) -> float:
        """How long a client may take to send its headers."""
        return self.manifest.gateway.deadlines.headers

    # --- small things that functions need -----------------------------------------------------------------------------

    def client_address(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        """The caller's address; X-Forwarded-For counts only from a trusted proxy, and from the right."""
        address = (scope.get("client") or ("local", 0))[0]
        trusted = [ipaddress.ip_network(network) for network in self.manifest.gateway.trusted_proxies]
        hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
        while hops and _within(address, trusted):
            address = hops.pop()
        return str(address)[:64]

    async def audit(self, actor: str, address: str, action: str, target: str, before: Any, after: Any) -> None:
        """Writes one event of the audit log."""

        async def write() -> None:
            await AuditEvent.create(
                id=new("audit"),
                at_us=now_us(),
                actor=actor,
                address=address,
                action=action,
                target=target[:300],
                before_json=_json(before),
                after_json=_json(after),
            )

        await self.store.write(write)
        self.told.changed(action, target, actor)


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value, enc_hook=str).decode()


def _within(address: str, networks: list[Any]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
