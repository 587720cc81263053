"""A backend as the owner sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.backends.station import Station
from infra.config.objects import AdapterName
from infra.store.clock import now_us


@dataclass(frozen=True, slots=True)
class Standing:
    """A process of this machine that stands still; its slots are free once it goes on or is ended."""

    pid: int
    slots: int


@dataclass(frozen=True, slots=True)
class BackendState:
    """One backend as the owner sees it."""

    name: str
    adapter: AdapterName
    up: bool | None
    """None: not looked at yet, taken as up."""
    why: str | None
    """One sentence where it is not up."""
    slots: int
    busy: int
    queued: int
    models: tuple[str, ...] = ()
    """What it serves, by its own names."""
    context: int | None = None
    """Tokens of context that one request has, where all its models have the same."""
    contexts: Mapping[str, int] = field(default_factory=dict)
    loaded: tuple[str, ...] | None = None
    """What is in its memory right now; None where it does not tell."""
    capabilities: tuple[str, ...] = ()
    abilities: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The same per model, where the server tells."""
    running: int | None = None
    """Requests that it works on by its own count, whoever sent them; None where it does not tell."""
    waiting: int | None = None
    last_error: str | None = None
    checked_us: int | None = None
    failures: int = 0
    """Requests in a row that it failed."""
    ejected: bool = False
    """It failed too often: nothing is sent there before a trial succeeds."""
    ejected_until_us: int | None = None
    """When that trial may come."""
    draining: bool = False
    """The owner has switched it off: what runs finishes, nothing new is sent."""
    available: tuple[str, ...] = ()
    """When it takes requests, as gateway.yaml says it; nothing: always."""
    opens_us: int | None = None
    """When it opens, where it is closed by its hours now."""
    standing: tuple[Standing, ...] = ()
    """Processes that stand still and keep slots."""


def state_of(name: str, station: Station) -> BackendState:
    """As it is now."""
    probe, left, opens = station.probe, station.ejection.left, station.service.opens_at()
    return BackendState(
        name=name,
        adapter=station.backend.adapter,
        up=station.up,
        why=None if station.up else probe.why,
        slots=station.slots.total,
        busy=station.slots.busy,
        queued=len(station.queue),
        models=probe.models,
        context=probe.context,
        contexts=probe.contexts,
        loaded=probe.loaded,
        capabilities=tuple(sorted(probe.capabilities)),
        abilities=probe.abilities,
        running=probe.running,
        waiting=probe.waiting,
        last_error=station.last_error,
        checked_us=station.checked_us,
        failures=station.ejection.failures,
        ejected=station.ejection.ejected,
        ejected_until_us=None if left is None else now_us() + int(left * 1_000_000),
        draining=station.service.draining,
        available=tuple(map(str, station.backend.available)),
        opens_us=None if opens is None else int(opens * 1_000_000),
        standing=_standing(station),
    )


def _standing(station: Station) -> tuple[Standing, ...]:
    others = station.holding.others if station.holding is not None else ()
    return tuple(Standing(other.stands, other.slots) for other in others if other.stands is not None)
