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
        self._places: list[tuple[Subject, Place]] = []
        self._reserved: tuple[Any, int] | None = None
        """Where (see `Counting.take`) and how many tokens were counted."""
        self._inside = False
        self._names: set[str] = set()

    async def join(self, subjects: Sequence[Subject]) -> None:
        """Count the request with more subjects, which are known later, as a model is; before `reserve`.

        Raises RateLimited, counting with none of these; with those before it has been counted.
        """
        names = [subject.name for subject in subjects]
        if len({*names, *self._names}) != len(names) + len(self._names) or self._reserved is not None:
            raise ValueError(f"a subject came twice or too late: {names}")
        requests = [(each, f"{each.name} requests", each.limits.requests) for each in subjects if each.limits.requests]
        before, self._requests = self._requests, self._requests + requests
        taken = await self._windows.take([Want(window, rate, 1) for _, window, rate in requests], ())
        if isinstance(taken, Full):
            refusal, self._requests = self._refusal(taken), before
            raise refusal
        self._names.update(names)
        for each in subjects:
            if each.limits.tokens:
                self._tokens.append((each, f"{each.name} tokens", each.limits.tokens))
            if each.limits.concurrent:
                self._places.append((each, Place(each.name, each.limits.concurrent)))

    async def reserve(self, tokens: int) -> None:
        """Count `tokens` and take a place with each subject, all or none; once per ticket.

        Raises RateLimited; one that asks for more than a whole limit says so, and that a retry cannot help.
        """
        if self._reserved is not None:
            raise RuntimeError("this ticket has reserved already")
        wants = [Want(window, rate, tokens) for _, window, rate in self._tokens]
        taken = await self._windows.take(wants, [place for _, place in self._places])
        if isinstance(taken, Full):
            raise self._refusal(taken)
        self._reserved, self._inside = (taken, tokens), True

    def correct(self, tokens: int) -> None:
        """Replace what was reserved by what it took, at the instant of the reservation; without one, nothing."""
        if self._reserved is None:
            return
        at, before = self._reserved
        for _, window, _ in self._tokens:
            self._windows.amend(window, at, tokens - before)
        self._reserved = (at, tokens)

    def release(self) -> None:
        """Give the places back. Idempotent; also right for a ticket that never reserved."""
        if self._inside:
            self._inside = False
            self._windows.leave([place.name for _, place in self._places])

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
