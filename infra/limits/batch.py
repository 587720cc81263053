"""What processes that share their counts ask the database, and how a batch of it is decided (pure)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from infra.limits.ahead import Row, ahead
from infra.limits.windows import PLACE_WAIT_NS, Full, Place, Want


@dataclass(frozen=True, slots=True)
class Take:
    """All of these or nothing; `busy` are the windows in which more will soon be counted."""

    wants: tuple[Want, ...]
    places: tuple[Place, ...]
    busy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Amend:
    """The row has to say what it says at the moment of the commit."""

    row: Row


@dataclass(frozen=True, slots=True)
class Leave:
    """Gives so many places back, by name."""

    names: Mapping[str, int]


Operation = Take | Amend | Leave


@dataclass(frozen=True, slots=True)
class Taken:
    """Counted in these rows; `levels` are the windows as they are then: used, and when the last of it leaves."""

    rows: dict[str, Row]
    places: tuple[Place, ...]
    levels: dict[str, tuple[int, int]]
    alone_until: float
    """Monotonic seconds up to which this process takes itself to be alone on the database; 0: it is not."""


@dataclass(slots=True)
class Counts:
    """What a batch has read, and what it comes to."""

    now_us: int
    opened: float
    """Monotonic seconds before it was read."""
    id: str
    """Of the rows of this batch."""
    alone_until: float
    used: dict[str, int]
    until_us: dict[str, int]
    inside: dict[str, int]
    rows: dict[str, Row] = field(default_factory=dict)
    placed: Counter[str] = field(default_factory=Counter)


def names(takes: Sequence[Take]) -> tuple[list[str], list[str]]:
    """The windows and the places that these count in."""
    windows = {want.window for take in takes for want in take.wants}
    return sorted(windows), sorted({place.name for take in takes for place in take.places})


def decide(takes: Sequence[Take], counts: Counts) -> list[Taken | Full]:
    """All questions in the order of arrival; then blocks for the windows that are busy."""
    answers = [_one(take, counts) for take in takes]
    busy = {window for take in takes for window in take.busy} if counts.alone_until else set()
    for window in busy & counts.rows.keys():
        row = counts.rows[window]
        more = ahead(counts.used[window], row.rate)
        if more:
            row.begin(more)
    return answers


def _one(take: Take, counts: Counts) -> Taken | Full:
    """A window that is full is answered with `wait_ns` 0: only the database knows what has to leave."""
    for want in take.wants:
        used = counts.used.get(want.window, 0)
        if want.amount > want.rate.count:
            return Full(want, used, None)
        if used + want.amount > want.rate.count:
            return Full(want, used, 0)
    for place in take.places:
        inside = counts.inside.get(place.name, 0)
        if inside >= place.most:
            return Full(place, inside, PLACE_WAIT_NS)
    rows = {want.window: _row(want, counts) for want in take.wants}
    for place in take.places:
        counts.inside[place.name] = counts.inside.get(place.name, 0) + 1
        counts.placed[place.name] += 1
    levels = {name: (counts.used[name], counts.until_us[name]) for name in rows}
    return Taken(rows, take.places, levels, counts.alone_until)


def _row(want: Want, counts: Counts) -> Row:
    """All that a batch counts in a window is one row."""
    name = want.window
    row = counts.rows.get(name)
    if row is None:
        row = counts.rows[name] = Row(name, want.rate, counts.id, counts.now_us, counts.opened)
    row.amount += want.amount
    counts.used[name] = counts.used.get(name, 0) + want.amount
    counts.until_us[name] = max(row.until_us, counts.until_us.get(name, 0))
    return row


def lacking(answer: Taken | Full) -> Want | None:
    """The window that has to be looked into for the time of waiting."""
    if isinstance(answer, Full) and isinstance(answer.lacking, Want) and answer.wait_ns is not None:
        return answer.lacking
    return None


def waiting(answer: Full, now_us: int, until_us: int | None) -> Full:
    """The refusal with the time until so much has left."""
    return replace(answer, wait_ns=max(0, (until_us or now_us) - now_us) * 1_000)
