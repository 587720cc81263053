"""The door of this room: what runs, and the stopping of one request, wherever it runs."""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.config.faults import ConfigError
from infra.errors import GatewayError, NotFound, Stopped
from infra.identity.names import storable
from infra.live import running
from infra.live.events import Hub
from infra.live.pace import Pace, Sampler
from infra.live.shared import LOOK_SECONDS, Ask, Shared
from infra.live.watch import Watch

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway
    from infra.runtime.relay import Relay

log = logging.getLogger("aethergate.live")
FIRST_LOOK_SECONDS = 2.5
"""Whoever looks first waits so long for the boards of the others, which come every second."""
STOP_PATIENCE_SECONDS = 5.0
ANSWER_EVERY_SECONDS = 0.1
SAID_SECONDS = 1.0
"""Between a request's end in the books and the word of its process that it was the stop that ended it."""
SHOWN_MAX = 500
"""Of each process; the counts are of all."""


@dataclass(frozen=True, slots=True)
class Board:
    """What runs, oldest first, of all processes."""

    requests: list[dict[str, Any]]
    running: int
    queued: int


class Live:
    """One per gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._shared = Shared(gateway.store, gateway.ledger.instance)
        self._look_until = 0.0
        self._published = False
        self._done: set[str] = set()
        """Questions that were heeded and are still there to be read."""
        self.hub = Hub()
        self.pace = Pace()
        self.watch = Watch(self)
        self._sampler = Sampler(self.pace)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def board(self) -> Board:
        """What runs now in all processes; of the others as they were a second ago."""
        boards = [self._own(), *(board for board in (await self.boards()).values() if board is not None)]
        requests = sorted((each for board in boards for each in board["requests"]), key=lambda each: -each["age_ms"])
        return Board(requests, sum(board["running"] for board in boards), sum(board["queued"] for board in boards))

    async def boards(self, *, patient: bool = True) -> dict[str, dict[str, Any] | None]:
        """What the other processes tell, by instance; None of one that tells nothing yet. Who is `patient` waits for
        them at the first look."""
        if self._gateway.alone:
            return {}
        loop = asyncio.get_running_loop()
        found = await self._shared.others()
        if not found or loop.time() < self._look_until - LOOK_SECONDS / 2:
            return found
        first = patient and loop.time() >= self._look_until
        await self._shared.look()
        self._look_until = loop.time() + LOOK_SECONDS
        give_up = loop.time() + FIRST_LOOK_SECONDS
        while first and None in found.values() and loop.time() < give_up:
            await asyncio.sleep(ANSWER_EVERY_SECONDS)
            found = await self._shared.others()
        return found

    def relays(self) -> list["Relay"]:
        """What runs and waits in this process, the oldest first."""
        return list(self._gateway.relays.values())

    def counts(self) -> dict[str, Any]:
        """How many run and wait in this process."""
        relays = self.relays()
        queued = sum(running.stage(relay) == "queued" for relay in relays)
        return {"running": len(relays) - queued, "queued": queued}

    def _own(self) -> dict[str, Any]:
        return {"requests": [running.shown(relay) for relay in self.relays()[:SHOWN_MAX]], **self.counts()}

    # --- stopping -----------------------------------------------------------------------------------------------------

    async def stop(self, request_id: str, actor: str, reason: str) -> dict[str, Any]:
        """Ends a running request, here or in another process, and returns what was delivered and charged.

        Raises NotFound where no process runs it (any more)."""
        relay = self._gateway.relays.get(request_id)
        if relay is not None:
            found: dict[str, Any] | None = await self._stop_here(relay, actor, reason)
        elif not self._gateway.alone:
            found = await self._stop_there(request_id, actor, reason)
        else:
            found = None
        if found is None or not found["stopped"]:
            raise NotFound(f"No request {request_id[:80]!r} is running: it may just have ended.")
        return found

    async def _stop_here(self, relay: "Relay", actor: str, reason: str) -> dict[str, Any]:
        because = _why(actor, reason)
        await relay.leave(because=because)
        charged = relay.billed.charged if relay.billed is not None else 0
        return {
            "id": relay.row.id,
            "stopped": relay.because is because,
            "username": relay.call.user.user_name,
            "model": relay.row.model,
            "output_tokens": relay.meter.so_far().output,
            "charged_nano": charged,
        }

    async def _stop_there(self, request_id: str, actor: str, reason: str) -> dict[str, Any] | None:
        if not storable(request_id) or await self._shared.has_ended(request_id) or not await self._shared.others():
            return None
        await self._shared.ask_to_stop(request_id, {"actor": actor, "reason": reason})
        found, clock = None, asyncio.get_running_loop().time
        give_up = clock() + STOP_PATIENCE_SECONDS
        while found is None and clock() < give_up:
            await asyncio.sleep(ANSWER_EVERY_SECONDS)
            if await self._shared.has_ended(request_id):
                give_up = min(give_up, clock() + SAID_SECONDS)
            found = await self._shared.outcome(request_id)
        await self._shared.forget(request_id)
        return found

    # --- for the others -----------------------------------------------------------------------------------------------

    async def beat(self) -> None:
        """Once a second in a process among others: does what they ask. Raises the database's errors."""
        asks = await self._shared.asks()
        for ask in asks:
            if ask.id not in self._done:
                self._heed(ask)
        self._done &= {ask.id for ask in asks}
        looked = any(ask.kind == "look" for ask in asks)
        self.hub.look(looked)
        if looked:
            await self._publish()
        elif self._published:
            await self._shared.withdraw()
        self._published = looked

    def _heed(self, ask: Ask) -> None:
        """Does what another process asks for, as far as it is ours to do, in a task of its own."""
        request_id = ask.id.partition(":")[2]
        if ask.kind == "stop" and request_id in self._gateway.relays:
            self._gateway.spawn(self._stop_for(self._gateway.relays[request_id], ask.body), name=f"stop-{request_id}")
        elif ask.kind in ("reload", "apply"):
            self._done.add(ask.id)
            self._gateway.spawn(self._reload(ask), name=ask.id)
        elif ask.kind in ("ejected", "readmitted"):
            self._done.add(ask.id)
            self._gateway.pool.heard(ask.body["backend"], ask.kind, float(ask.body["seconds"]))

    async def _reload(self, ask: Ask) -> None:
        try:
            if ask.kind == "reload":
                await self._gateway.reload_function(ask.body["endpoint"])
            else:
                await self._gateway.reload()
        except (GatewayError, ConfigError) as error:
            log.warning("another process has reloaded, this one has not: %s", error)
        except Exception:
            log.exception("another process has reloaded, this one has not")

    async def tell_judged(self, backend: str, what: str, seconds: float) -> None:
        """The others need not see for themselves that a backend fails, or works again; without the database they do."""
        try:
            await self.tell_others(what, backend=backend, seconds=str(seconds))
        except Exception:
            log.exception("the other processes were not told of a backend", extra={"backend": backend, "what": what})

    async def tell_others(self, kind: str, **body: str) -> None:
        """What was done here is to be done in all other processes, which they do within about a second."""
        if not self._gateway.alone and await self._shared.others():
            await self._shared.tell(kind, body)

    async def _publish(self) -> None:
        rates = self._sampler.rates(self.relays())
        await self._shared.publish({**self._own(), "rates": rates, "events": self.hub.recent()})

    async def _stop_for(self, relay: "Relay", how: dict[str, str]) -> None:
        outcome = await self._stop_here(relay, how["actor"], how["reason"])
        if self._published:
            await self._publish()  # who looks right after it does not see it run any more
        await self._shared.stopped(relay.row.id, outcome)


def _why(actor: str, reason: str) -> GatewayError:
    """For the client, and for the request log, which both may be read by the caller."""
    said = f": {reason.strip().rstrip('.')}" if reason.strip() else ""
    return Stopped(f"The owner of this gateway ({actor}) stopped this request{said}.")
