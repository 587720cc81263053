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


class Limiter:
    """Gives out tickets. `clock` is monotonic, in nanoseconds."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns, windows: Counting | None = None) -> None:
        self.windows: Counting = windows or Windows(clock)

    async def admit(self, subjects: Sequence[Subject]) -> "Ticket":
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

    async def join(self, subjects: Sequence[Subject]) -> None:
        """Count the request with more subjects, which are known later, as a model is. Where tokens are
        reserved already, they are with these, too, and a place is taken: a fallback may be found as late as that.

        Raises RateLimited, counting with none of these; with those before it has been counted.
        """
        names = [subject.name for subject in subjects]
        if len({*names, *self._names}) != len(names) + len(self._names):
            raise ValueError(f"a subject came twice: {names}")
        requests = [(each, f"{each.name} requests", each.limits.requests) for each in subjects if each.limits.requests]
        tokens = [(each, f"{each.name} tokens", each.limits.tokens) for each in subjects if each.limits.tokens]
        places = [(each, Place(each.name, each.limits.concurrent)) for each in subjects if each.limits.concurrent]
        before = self._requests, self._tokens, self._places
        self._requests, self._tokens, self._places = before[0] + requests, before[1] + tokens, before[2] + places
        try:
            await self._take([Want(window, rate, 1) for _, window, rate in requests], tokens, places)
        except BaseException:
            self._requests, self._tokens, self._places = before
            raise
        self._names.update(names)

    async def _take(
        self,
        requests: Sequence[Want],
        tokens: Sequence[tuple[Subject, str, Rate]],
        places: Sequence[tuple[Subject, Place]],
    ) -> None:
        """The requests, and as far as tokens are reserved those and the places; all or none. Raises RateLimited."""
        late = self._reserved is not None
        wants = [Want(window, rate, self._reserved or 0) for _, window, rate in tokens if late]
        inside = [place for _, place in places if late]
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
