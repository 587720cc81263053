"""How long one waits for a slot, as far as the measured speed tells: for callers to know, and to refuse them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.backends.queue import Rank
from infra.backends.shares import Claim
from infra.backends.slots import MEASURED
from infra.errors import Overloaded

if TYPE_CHECKING:
    from infra.backends.station import Station


@dataclass(frozen=True, slots=True)
class Lane:
    """One backend's queue, as somebody sees it who waits there."""

    ahead: float
    """How many get a slot before."""
    shared: float
    """The part of them who wait for other backends, too: the first that is free takes them."""
    each: float
    """Seconds between two who get a slot, above 0."""
    late: float = 0.0
    """Seconds that the first of them comes later than that, or, below 0, sooner."""


def seconds(lanes: Sequence[Lane]) -> float:
    """Until one who waits in all of these gets a slot in one of them (pure).

    Each backend serves those who wait for it alone, and all of them together those who wait for several.
    """
    together = 1 + max(lane.ahead * lane.shared for lane in lanes)
    begins = sorted((lane.late + lane.each * lane.ahead * (1 - lane.shared), lane.each) for lane in lanes)
    found, before, speed = math.inf, 0.0, 0.0
    for begin, each in begins:
        if begin >= found:
            break
        before, speed = before + begin / each, speed + 1 / each
        found = (together + before) / speed
    return max(0.0, found)


def lane(station: "Station", position: float, rank: Rank | None = None, weight: int = 1) -> Lane:
    """What the `position`-th of those who wait there, from 1, has before it: one of this rank, whose user has this
    weight; None: whoever comes when all have been served that wait anywhere."""
    holding, pace = station.holding, station.pace
    if holding is not None:
        elsewhere: float = holding.waiting_elsewhere
        if rank is not None:
            elsewhere = before(position, rank, max(weight, station.queue.weight(rank)), holding.others)
        position = max(0, position + elsewhere - holding.spare)
    each, late = station.slots.each, 0.0
    if pace is not None and pace.each > each:
        each, late = pace.each, pace.left - pace.each
    return Lane(position - 1, station.shared / (len(station.queue) or 1), each, late)


def before(position: float, rank: Rank, weight: int, others: Sequence[Claim]) -> float:
    """How many are served in other processes before the `position`-th of a rank in this one, where users of so much
    weight wait (pure): all of a better rank, and of the same as many as it is in turn with."""
    ahead = [other for other in others if other.waiting > 0 and other.rank <= rank]
    return sum(
        min(other.waiting, position * other.weight / weight if other.rank == rank else other.waiting) for other in ahead
    )


def _known(station: "Station") -> bool:
    """Whether its lane is more than a guess."""
    slots, pace = station.slots, station.pace
    return slots.finished >= MEASURED or (pace is not None and pace.each > slots.each)


def refusal(
    found: Sequence["Station"], room: Sequence["Station"], user: str, weight: int, rank: Rank
) -> Overloaded | None:
    """Why nobody may wait: every queue is full, or the wait would be longer than allowed, where the speed is known."""
    if not room:
        wait = seconds([lane(station, len(station.queue) + 1) for station in found])
        return Overloaded("The queue of this model is full.", retry_after=wait)
    longest = max(station.backend.queue.wait for station in room)
    wait = seconds([lane(station, station.place(user, weight, rank), rank, weight) for station in room])
    if wait <= longest or not all(_known(station) for station in room):
        return None
    words = f"The wait for this model is about {wait:.0f} seconds, too long to queue."
    return Overloaded(words, retry_after=wait - longest)
