"""One request that waits for a slot."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from infra.backends.forecast import lane, seconds
from infra.backends.queue import Rank
from infra.backends.seat import Seat
from infra.config.objects import Target
from infra.errors import GatewayError

if TYPE_CHECKING:
    from infra.backends.station import Station

Told = Callable[[int, float], None]
"""Called with the place in the queue, from 1, and the seconds expected, whenever the place changes."""


class Waiter:
    """One request in the queues of every backend that could serve it; the first free slot takes it out of all."""

    def __init__(
        self,
        targets: Mapping["Station", Target],
        user: str,
        weight: int,
        rank: Rank,
        told: Told | None,
        spare: bool = False,
    ) -> None:
        self.targets = targets
        self.spare = spare
        """Another model serves where all these backends are gone."""
        self.user = user
        self.weight = weight
        self.rank = rank
        self.granted: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        self._queued: dict[Station, int] = {}
        """Where it waits, and its place there, from 1."""
        self._told = told
        self._place = 0

    def join(self, station: "Station") -> None:
        """Also waits for this backend, where its queue has room."""
        if station not in self._queued and station.has_room(self.rank):
            self._queued[station] = station.place(self.user, self.weight, self.rank)
            for other in self._queued if len(self._queued) == 2 else (station,) if len(self._queued) > 2 else ():
                other.shared += 1
            station.came(self)

    def leave(self) -> None:
        """Out of every queue; those behind move up."""
        for station in list(self._queued):
            self._quit(station)
            station.places.changed()

    def _quit(self, station: "Station") -> None:
        station.queue.remove(self)
        if self._queued.pop(station, None) is None or not self._queued:
            return
        for other in (station, *self._queued) if len(self._queued) == 1 else (station,):
            other.shared -= 1

    def abandon(self) -> None:
        """Nobody waits any more: a slot that was granted in this very moment goes back."""
        self.leave()
        if not self.granted.done():
            self.granted.cancel()
        elif self.granted.exception() is None:
            self.granted.result().release(used=False)

    def lose(self, station: "Station", error: GatewayError) -> None:
        """One of its backends is gone; without any left it waits for nothing."""
        self._quit(station)
        if not self._queued and not self.granted.done():
            self.granted.set_exception(error)

    def move(self, station: "Station", error: GatewayError) -> None:
        """One of its backends was ejected: it waits for the others; with no other, and no other model, it stays."""
        for other in self.targets:
            if other is not station and other.sound:
                self.join(other)
        if self.spare or len(self._queued) > 1:
            self.lose(station, error)

    def moved(self, station: "Station", place: int) -> None:
        """Its place at one of its backends was counted anew."""
        if station in self._queued:
            self._queued[station] = place
            self.tell()

    def tell(self) -> None:
        """Says the best place over its queues and the shortest wait, where the place changed."""
        place = min(self._queued.values(), default=0)
        if self._told is not None and place not in (0, self._place):
            self._place = place
            self._told(
                place, seconds([lane(station, at, self.rank, self.weight) for station, at in self._queued.items()])
            )
