"""Every backend's slots in one place: who gets which, who waits, and which backend is up."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from infra.backends import forecast
from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.backends.adapters.embedded import EmbeddedAdapter
from infra.backends.budget import RetryBudget
from infra.backends.choice import Option, choose
from infra.backends.health import look, watch
from infra.backends.queue import Rank
from infra.backends.seat import Seat
from infra.backends.sharing import Sharing
from infra.backends.state import BackendState, state_of
from infra.backends.station import Station
from infra.backends.waiter import Told, Waiter
from infra.config.objects import Backend, Target
from infra.errors import NoBackend, Overloaded, ShuttingDown


class Pool:
    """One per gateway. Open it with `start`, close it with `stop`."""

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        self._declared = dict(backends)
        self._stations: dict[str, Station] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._waiting: set[Waiter] = set()
        self._budgets: dict[str, RetryBudget] = {}
        self._turn = 0.0
        """Virtual time of the last turn."""
        self._open = False
        self._drained: frozenset[str] = frozenset()
        self.noted: Callable[[str, str], None] = lambda _backend, _what: None
        """Told what happened to a backend: found up, up, down, failed, ejected, readmitted."""
        self.sharing: Sharing | None = None
        """Set before the start where other processes send to the same backends."""

    async def start(self) -> None:
        """Looks at every backend once, then starts the embedded ones that are wanted, without waiting for them."""
        self._open = True
        for name, backend in self._declared.items():
            self._add(name, backend)
        await self.probe_all()
        await self._start_embedded()

    async def stop(self) -> None:
        """Dismisses who waits and closes every connection, running requests included."""
        self._open = False
        for task in self._watches.values():
            task.cancel()
        await asyncio.gather(*self._watches.values(), return_exceptions=True)
        for station in self._stations.values():
            station.dismiss(ShuttingDown("The gateway is shutting down."))
            self._retire(station.adapter)
            if station.holding is not None:
                station.holding.close()
        self._stations.clear()
        self._watches.clear()
        while self._closing:
            await asyncio.gather(*self._closing)

    async def reload(self, backends: Mapping[str, Backend]) -> None:
        """Takes over another set of backends; running requests keep their connection, and who waits keeps the place."""
        self._declared = dict(backends)
        for name in self._stations.keys() - backends.keys():
            self._watches.pop(name).cancel()
            self._stations.pop(name).remove()
        for name, backend in backends.items():
            station = self._stations.get(name)
            if station is None:
                self._add(name, backend)
            elif station.backend != backend:
                station.replace(backend, make(backend))
                station.share(self.sharing)
        await asyncio.gather(*(look(station) for station in self._stations.values() if station.up is None))
        await self._start_embedded()

    async def probe_all(self) -> None:
        """Looks at every backend now."""
        await asyncio.gather(*(look(station) for station in self._stations.values()))

    def states(self) -> list[BackendState]:
        """Every backend, in the order of gateway.yaml."""
        return [state_of(name, self._stations[name]) for name in self._declared if name in self._stations]

    def why(self, backend: str) -> str | None:
        """The latest trouble of a backend, one sentence; None where there was none."""
        station = self._stations.get(backend)
        if station is None:
            return None
        return station.last_error if station.up else station.probe.why

    def drain(self, names: Collection[str]) -> None:
        """These take nothing new, all others do."""
        self._drained = frozenset(names)
        for name, station in self._stations.items():
            station.drain(name in self._drained)

    def heard(self, backend: str, what: str, seconds: float) -> None:
        """Another process has ejected a backend for so long, or `readmitted` it; one of its own is another server."""
        station = self._stations.get(backend)
        if station is not None and station.holding is not None:
            station.heard(what, seconds)

    def out_seconds(self, backend: str) -> float | None:
        """For how long a backend is ejected, where other processes send to it, too; else None."""
        station = self._stations.get(backend)
        return None if station is None or station.holding is None else station.ejection.out_seconds

    def budget(self, model: str) -> RetryBudget:
        """How many of a model's requests may be tried again."""
        if model not in self._budgets:
            self._budgets[model] = RetryBudget()
        return self._budgets[model]

    def adapter(self, backend: str) -> Adapter | None:
        """A backend's adapter, for questions that need no slot (token counts)."""
        station = self._stations.get(backend)
        return station.adapter if station is not None else None

    async def seat(
        self,
        targets: Sequence[Target],
        user: str,
        weight: int,
        told: Told | None = None,
        rank: Rank = Rank.FAIR,
        *,
        prefix: bytes | None = None,
        spare: bool = False,
    ) -> Seat:
        """A slot at one of the targets' backends; waits in the fair queue where none is free. `prefix`: of the
        conversation; `spare`: another model serves where all these backends are gone.

        Raises NoBackend (none is up, or all went down meanwhile; with `spare` also where all are ejected), Overloaded
        (every queue is full, the wait would be or was too long), ShuttingDown. A cancelled wait leaves the queue and
        takes nothing along.
        """
        known = self._known(targets)
        if any(station.ejection.due for station in known):
            await asyncio.gather(*(station.claim_trial() for station in known))
            known = self._known(targets)  # one may have been taken out meanwhile
        found = self._candidates(known, spare)
        free = {name: station for name, station in found.items() if station.ready}
        for station in found.values():
            station.want_trial()
        if free:
            return self._take(free, known, prefix, spare)
        return await self._wait(list(found.values()), Waiter(known, user, weight, rank, told, spare))

    @property
    def crowded(self) -> bool:
        """Whether anybody waits anywhere."""
        return bool(self._waiting)

    def expect(
        self, targets: Sequence[Target], user: str, weight: int, rank: Rank, *, spare: bool
    ) -> Callable[[], None]:
        """Lets one in that will ask for a seat; call what it returns when it does, or does not after all.

        Raises Overloaded where no queue has room for all that are on their way, or the wait would be too long, and
        what else `seat` raises at once.
        """
        found = list(self._candidates(self._known(targets), spare).values())
        station = max(found, key=lambda one: one.space(rank))
        if len(station.queue) or station.slots.idle <= station.coming:
            room = [one for one in found if one.space(rank) > 0]
            refused = forecast.refusal(found, room, user, weight, rank)
            if refused is not None:
                raise refused
        station.coming += 1

        def came() -> None:
            station.coming -= 1

        return came

    def _known(self, targets: Sequence[Target]) -> dict[Station, Target]:
        """Of two targets at one backend the first; when that one failed, the caller asks without it."""
        if not self._open:
            raise ShuttingDown("The gateway is shutting down.")
        found: dict[Station, Target] = {}
        for target in targets:
            if target.backend in self._stations:
                found.setdefault(self._stations[target.backend], target)
        return found

    def _candidates(self, known: Mapping[Station, Target], spare: bool) -> dict[str, Station]:
        """The stations that may be up and are not ejected; where that leaves none, the ejected ones after all."""
        up = {target.backend: station for station, target in known.items() if station.in_service}
        found = {name: station for name, station in up.items() if station.ejection.takes}
        if found or (up and not spare):
            return found or up
        closed = [error for station in known if (error := station.service.closed()) is not None]
        if closed and len(closed) == len(known):
            raise min(closed, key=lambda error: error.retry_after or 0)
        wait = min((station.ejection.left or station.retry_seconds for station in known), default=30)
        raise NoBackend("No backend of this model is up at the moment.", retry_after=wait)

    def _take(
        self, free: Mapping[str, Station], known: Mapping[Station, Target], prefix: bytes | None, spare: bool
    ) -> Seat:
        """The best of those that have a free slot."""
        if len(free) == 1:
            return next(iter(free.values())).take(known, spare)
        options = [
            Option(
                name,
                one.slots.busy,
                one.slots.total,
                known[one].weight,
                max(one.turn, self._turn),
                one.ejection.wants_trial,
            )
            for name, one in free.items()
        ]
        station = free[choose(options, prefix).name]
        self._turn = max(self._turn, station.turn)
        station.turn = self._turn + 1 / known[station].weight
        return station.take(known, spare)

    async def _wait(self, found: list[Station], waiter: Waiter) -> Seat:
        """In the queues of all candidates that have room, until the first of them has a slot."""
        room = [station for station in found if station.has_room(waiter.rank)]
        refused = forecast.refusal(found, room, waiter.user, waiter.weight, waiter.rank)
        if refused is not None:
            raise refused
        longest = max(station.backend.queue.wait for station in room)
        for station in room:
            waiter.join(station)
        self._waiting.add(waiter)
        try:
            waiter.tell()
            await asyncio.wait({waiter.granted}, timeout=longest)
            if not waiter.granted.done():
                seconds = forecast.seconds([forecast.lane(station, len(station.queue)) for station in room])
                raise Overloaded("No slot became free in time.", retry_after=seconds)
            return waiter.granted.result()
        except BaseException:
            waiter.abandon()
            raise
        finally:
            self._waiting.discard(waiter)

    def _returned(self, station: Station) -> None:
        """A backend came up again: those who wait for one of its models wait for it too."""
        for waiter in self._waiting if station.in_service else ():
            if station in waiter.targets and not waiter.granted.done():
                waiter.join(station)
        station.grant()

    async def _start_embedded(self) -> None:
        """As each one's `start` says; who is not started says why."""
        others = any(one.up for one in self._stations.values() if not isinstance(one.adapter, EmbeddedAdapter))
        for station in self._stations.values():
            adapter = station.adapter
            if not isinstance(adapter, EmbeddedAdapter) or adapter.started:
                continue
            wish = station.backend.start
            if wish == "always" or (wish == "if_no_other" and not others):
                await adapter.start()
            else:
                adapter.rest("another backend answers" if wish == "if_no_other" else "gateway.yaml says start: never")
            await look(station)

    def _add(self, name: str, backend: Backend) -> None:
        station = Station(backend, make(backend), self._retire)
        station.returned = self._returned
        station.noted = lambda what: self.noted(name, what)
        self._stations[name] = station
        station.share(self.sharing)
        station.service.draining = name in self._drained
        self._watches[name] = asyncio.create_task(watch(station), name=f"watch {name}")

    def _retire(self, adapter: Adapter) -> None:
        task = asyncio.create_task(adapter.close(), name="close a backend's connections")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
