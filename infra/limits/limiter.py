"""Who may pass now: one ticket per request, counted with every subject that has a say in it.

A subject is one holder of limits: a key, its user, an endpoint for that key, an endpoint or a model for all callers
together (the `total:` of gateway.yaml comes as a subject of its own). Requests are counted before the queue,
tokens and concurrency with the hold (docs/design.md, Configuration). A refusal by one subject counts in none.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.config.objects import Limits
from infra.errors import RateLimited
from infra.limits import headers
from infra.limits.windows import Counting, Full, Place, Want, Windows
from infra.units import Rate


@dataclass(frozen=True, slots=True)
class Subject:
    """A holder of limits. `name` is unique among all subjects; `label` is how messages call it."""

    name: str
    limits: Limits
    label: str = ""


class Group:
    """Subjects that a request is counted with together, with what they limit. It can be kept: nothing in it changes.
    Raises ValueError for one that comes twice."""

    __slots__ = ("names", "places", "requests", "tokens", "wants")

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self.names = [each.name for each in subjects]
        if len({*self.names}) != len(self.names):
            raise ValueError(f"a subject came twice: {self.names}")
        self.requests = [(one, f"{one.name} requests", one.limits.requests) for one in subjects if one.limits.requests]
        self.tokens = [(one, f"{one.name} tokens", one.limits.tokens) for one in subjects if one.limits.tokens]
        self.places = [(one, Place(one.name, one.limits.concurrent)) for one in subjects if one.limits.concurrent]
        self.wants = [Want(window, rate, 1) for _, window, rate in self.requests]


class Limiter:
    """Gives out tickets. `clock` is monotonic, in nanoseconds."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns, windows: Counting | None = None) -> None:
        self.windows: Counting = windows or Windows(clock)

    async def admit(self, subjects: Sequence[Subject] | Group) -> "Ticket":
        """Count one request with each subject; raises RateLimited, with the headers of the tightest, counting none."""
        ticket = Ticket(self.windows)
        await ticket.join(subjects)
        return ticket


class Ticket:
    """One request at the limits. What it reserved stays counted until it leaves the window, unless corrected."""

    def __init__(self, windows: Counting) -> None:
        self._windows = windows
        self._requests: list[tuple[Subject, str, Rate]] = []
        self._tokens: list[tuple[Subject, str, Rate]] = []
        self._counted: list[tuple[str, Any]] = []
        """Windows of tokens, each with where (see `Counting.take`) what is reserved was counted there."""
        self._places: list[tuple[Subject, Place]] = []
        self._reserved: int | None = None
        """Tokens, in each of these windows."""
        self._inside: list[str] = []
        self._names: set[str] = set()

    async def join(self, subjects: Sequence[Subject] | Group) -> None:
        """Count the request with more subjects, which are known later, as a model is. Where tokens are
        reserved already, they are with these, too, and a place is taken: a fallback may be found as late as that.

        Raises RateLimited, counting with none of these; with those before it has been counted.
        """
        group = subjects if isinstance(subjects, Group) else Group(subjects)
        if not self._names.isdisjoint(group.names):
            raise ValueError(f"a subject came twice: {group.names}")
        before = self._requests, self._tokens, self._places
        self._requests = before[0] + group.requests
        self._tokens, self._places = before[1] + group.tokens, before[2] + group.places
        try:
            await self._take(group.wants, group.tokens, group.places)
        except BaseException:
            self._requests, self._tokens, self._places = before
            raise
        self._names.update(group.names)

    async def _take(
        self,
        requests: Sequence[Want],
        tokens: Sequence[tuple[Subject, str, Rate]],
        places: Sequence[tuple[Subject, Place]],
    ) -> None:
        """The requests, and as far as tokens are reserved those and the places; all or none. Raises RateLimited."""
        late = self._reserved is not None
        wants = [Want(window, rate, self._reserved or 0) for _, window, rate in tokens] if late else []
        inside = [place for _, place in places] if late else []
        taken = await self._windows.take([*requests, *wants], inside)
        if isinstance(taken, Full):
            raise self._refusal(taken)
        self._counted += [(want.window, taken) for want in wants]
        self._inside += [place.name for place in inside]

    async def reserve(self, tokens: int) -> None:
        """Count `tokens` and take a place with each subject, all or none; once per ticket.

        Raises RateLimited; one that asks for more than a whole limit says so, and that a retry cannot help.
        """
        if self._reserved is not None:
            raise RuntimeError("this ticket has reserved already")
        self._reserved = tokens
        try:
            await self._take((), self._tokens, self._places)
        except BaseException:
            self._reserved = None
            raise

    def correct(self, tokens: int) -> None:
        """Replace what was reserved by what it took, at the instant of the reservation; without one, nothing."""
        if self._reserved is None:
            return
        for window, at in self._counted:
            self._windows.amend(window, at, tokens - self._reserved)
        self._reserved = tokens

    def release(self) -> None:
        """Give the places back. Idempotent; also right for a ticket that never reserved."""
        inside, self._inside = self._inside, []
        if inside:
            self._windows.leave(inside)

    def headers(self) -> dict[str, str]:
        """x-ratelimit-{limit,remaining,reset}-{requests,tokens} as they stand now."""
        return {
            **headers.show("requests", [(rate, self._windows.level(name, rate)) for _, name, rate in self._requests]),
            **headers.show("tokens", [(rate, self._windows.level(name, rate)) for _, name, rate in self._tokens]),
        }

    def _refusal(self, full: Full) -> RateLimited:
        message = headers.refusal(full, self._label(full.lacking))
        if full.wait_ns is None:
            return RateLimited(message, should_retry=False, headers=self.headers())
        return RateLimited(message, retry_after=headers.seconds(full.wait_ns), headers=self.headers())

    def _label(self, lacking: Want | Place) -> str:
        if isinstance(lacking, Place):
            subject = next(subject for subject, place in self._places if place == lacking)
        else:
            windows = self._requests + self._tokens
            subject = next(subject for subject, window, _ in windows if window == lacking.window)
        return subject.label or subject.name
