"""While somebody watches: once a second the figures of all processes, and the events of the others."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from infra.live.events import Watcher
from infra.live.pace import RATES, Sampler

if TYPE_CHECKING:
    from infra.live.live import Live

log = logging.getLogger("aethergate.live")
TICK_SECONDS = 1.0


class Watch:
    """One per gateway; its task runs while there is a watcher."""

    def __init__(self, live: "Live") -> None:
        self._live = live
        self._sampler = Sampler(live.pace)
        self._seen: dict[str, int] = {}
        """The last event of each other process that was passed on."""
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> Watcher:
        """A new watcher; raises Overloaded, ShuttingDown."""
        watcher = self._live.hub.watch()
        if self._task is None or self._task.done():
            self._seen.clear()
            self._task = asyncio.create_task(self._run(), name="watch-live")
        return watcher

    async def stop(self) -> None:
        """Ends with the gateway."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._live.hub.watchers:
            await self._once()
            await asyncio.sleep(TICK_SECONDS)

    async def _once(self) -> None:
        boards: list[dict[str, Any]] = [self._live.counts() | {"rates": self._sampler.rates(self._live.relays())}]
        for instance, board in (await self._others()).items():
            if board is not None:
                boards.append(board)
                self._pass_on(instance, board["events"])
        rates = {name: round(sum(float(board["rates"][name]) for board in boards), 2) for name in RATES}
        counts = {name: sum(board[name] for board in boards) for name in ("running", "queued")}
        self._live.hub.tick({**counts, **rates})

    async def _others(self) -> dict[str, dict[str, Any] | None]:
        try:
            return await self._live.boards(patient=False)
        except Exception:
            # A database that is away: the watchers get what happens here, and the next second is another try.
            log.exception("what other processes do is not known at the moment")
            return {}

    def _pass_on(self, instance: str, events: list[list[Any]]) -> None:
        # Of a process that is new to us only what happens from now on.
        last = self._seen.setdefault(instance, events[-1][0] if events else 0)
        for number, kind, data in events:
            if number > last:
                self._live.hub.pass_on(kind, data)
                self._seen[instance] = number
