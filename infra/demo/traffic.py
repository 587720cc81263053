"""The requests of the demo house as operations of the ledger, hour by hour, in the order in which they ended.

A day has a rhythm, a week too, and the house grows. Some requests are refused, fail or are left; now and then a backend
is down. Who runs out of money gets 402 until a top-up comes. A few charges go back later.
"""

import heapq
import math
import random
from collections.abc import Iterator
from itertools import accumulate

from infra.demo.ids import id_at
from infra.demo.world import Person, Sold
from infra.ledger.books import RequestRow
from infra.ledger.operations import Hold, Operation, Post, Settle, Void
from infra.metering.price import Units, cost_nano
from infra.metering.shown import units_json
from infra.store.clock import SECOND_US
from infra.units import HOURS, MILLION

INSTANCE = "inst_demo"
ACTOR = "demo-data"
HOUR_US = HOURS * SECOND_US
_REFUSALS = (
    (429, "rate_limit_exceeded", "Rate limit reached for requests: 60 per minute. Please try again in {n}s."),
    (400, "invalid_request_error", "Invalid type for 'messages': expected an array, but got a string instead."),
    (404, "model_not_found", "The model 'gpt-{n}' does not exist or you do not have access to it."),
    (503, "overloaded", "All backends of this model are busy and the queue is full; {n} wait already."),
)
_FAILURES = (
    (502, "backend_error", "The backend answered with an error: CUDA out of memory (request {n})."),
    (502, "backend_error", "The backend closed the connection after {n} pieces."),
    (504, "backend_timeout", "The backend sent nothing for {n} seconds."),
)
_RECOVERED = "The gateway stopped while this request ran; it was billed as far as it was known to have come."


class Traffic:
    """`operations` gives what belongs together; the people's balances are kept as the books will keep them."""

    def __init__(
        self, rng: random.Random, people: list[Person], sold: list[Sold], start_us: int, end_us: int, requests: int
    ) -> None:
        self._rng, self._people, self._sold = rng, people, sold
        self._start_us, self._end_us, self._requests = start_us, end_us, requests
        self._refunds: list[tuple[int, str, Person, int]] = []
        self._posts = 0
        self._outages = {backend: self._outage() for backend in {b for s in sold for b, _ in s.places}}

    def _outage(self) -> tuple[int, int]:
        begin = self._start_us + round((self._end_us - self._start_us) * self._rng.uniform(0.2, 0.95))
        return begin, begin + round(self._rng.uniform(0.3, 3) * HOUR_US)

    def operations(self) -> Iterator[list[Operation]]:
        """Everything, oldest first; each list is one request (hold and end), or money moved by the owner."""
        for hour_us, count in self._hours():
            yield from self._due(hour_us)
            found = self._hour(hour_us, count)
            found.sort(key=lambda each: each[0])
            for _, operations in found:
                yield operations

    def _hours(self) -> Iterator[tuple[int, int]]:
        """Each hour with its number of requests, which add up exactly."""
        first = self._start_us // HOUR_US
        hours = range(first, (self._end_us - 1) // HOUR_US + 1)
        shares = list(accumulate(self._share(hour) for hour in hours))
        done = 0
        for hour, share in zip(hours, shares, strict=True):
            until = round(self._requests * share / shares[-1])
            yield hour * HOUR_US, until - done
            done = until

    def _share(self, hour: int) -> float:
        begin, end = max(hour * HOUR_US, self._start_us), min((hour + 1) * HOUR_US, self._end_us)
        of_day, weekday = hour % 24, (hour // 24 + 3) % 7
        day = 0.25 + math.exp(-(((of_day - 14) / 4.5) ** 2)) + 0.4 * math.exp(-(((of_day - 20) / 2.0) ** 2))
        growth = 0.5 + 1.5 * (begin - self._start_us) / (self._end_us - self._start_us)
        return day * (0.55 if weekday >= 5 else 1.0) * growth * self._rng.uniform(0.85, 1.15) * (end - begin) / HOUR_US

    def _hour(self, hour_us: int, count: int) -> list[tuple[int, list[Operation]]]:
        begin, end = max(hour_us, self._start_us), min(hour_us + HOUR_US, self._end_us)
        there = [person for person in self._people if person.joined_us <= begin and person.left_us >= begin]
        if not there:
            there = sorted(self._people, key=lambda person: person.joined_us)[:1]
        found: list[tuple[int, list[Operation]]] = []
        moments = sorted(self._rng.randrange(begin, end) for _ in range(count))
        for person, at in zip(self._choose(there, count), moments, strict=True):
            found += self._request(person, at)
        return found

    def _choose(self, people: list[Person], count: int) -> list[Person]:
        return self._rng.choices(people, weights=[person.weight for person in people], k=count)

    # --- one request --------------------------------------------------------------------------------------------------

    def _request(self, person: Person, at: int) -> list[tuple[int, list[Operation]]]:
        rng = self._rng
        model = rng.choices([each[0] for each in person.models], [each[1] for each in person.models])[0]
        row = self._row(person, model, at)
        roll = rng.random()
        if roll < 0.016:
            return [self._refused(row, rng.choice(_REFUSALS), at + rng.randrange(300, 9_000))]
        price_id, prices = model.price_at(at)
        row.price_id = price_id
        units = self._units(model)
        cost = cost_nano(prices, units)
        before = self._paid_up(person, cost, at)
        if before is None:
            sentence = "Your balance is too low: this request needs at least 0.001, you have 0.0002."
            return [self._refused(row, (402, "insufficient_quota", sentence), at + 2_000)]
        row.backend, row.upstream = rng.choice(model.places)
        begin, end = self._outages[row.backend]
        if roll < 0.024 or (begin <= at < end and roll < 0.55):
            return [*before, self._failed(row, cost)]
        return [*before, self._served(row, model, person, units, cost, roll)]

    def _row(self, person: Person, model: Sold, at: int) -> RequestRow:
        endpoint = "embeddings" if model.task == "embedding" else "chat_completions"
        if endpoint == "chat_completions" and self._rng.random() < 0.08:
            endpoint = "completions"
        keys = [key for key, created in person.keys if created <= at] or [person.keys[0][0]]
        key = keys[0] if len(keys) == 1 or self._rng.random() < 0.6 else self._rng.choice(keys)
        stream = endpoint != "embeddings" and self._rng.random() < person.streams
        return RequestRow(
            id_at(self._rng, "req", at), "HELD", INSTANCE, person.id, key, endpoint, model.id, at, stream=stream
        )

    def _units(self, model: Sold) -> Units:
        rng = self._rng
        sent = 8 + int(model.prompt * rng.expovariate(1.0))
        if model.task == "embedding":
            return Units(input=sent, request=1)
        output = 1 + int(model.answer * rng.expovariate(1.0))
        cached = sent // 2 if rng.random() < 0.15 else 0
        reasoning = output // 3 if rng.random() < 0.05 else 0
        return Units(input=sent, output=output, cached=cached, reasoning=reasoning, request=1)

    def _paid_up(self, person: Person, cost: int, at: int) -> list[tuple[int, list[Operation]]] | None:
        """What tops the person up first, where that is needed; None where they have run dry and nobody pays yet."""
        if at < person.dry_until_us:
            return None
        if person.balance >= 2 * cost:
            return []
        if person.dry_until_us == 0 and self._rng.random() < 0.15:
            person.dry_until_us = at + round(self._rng.expovariate(1 / 3) * HOUR_US)
            return None
        person.dry_until_us = 0
        amount = max(person.chunk, -(-2 * cost // person.chunk) * person.chunk)
        person.balance += amount
        return [(at - 1, [self._post(person, "topup", amount, None, "card", at - 1)])]

    def _post(self, person: Person, kind: str, amount: int, request_id: str | None, reason: str, at: int) -> Operation:
        self._posts += 1
        entry = f"{kind[0]}:{request_id or person.id}:demo{self._posts}"
        return Post(entry, kind, person.id, amount, request_id, ACTOR, "demo", reason, at)  # type: ignore[arg-type]

    def _refused(self, row: RequestRow, said: tuple[int, str, str], end: int) -> tuple[int, list[Operation]]:
        row.state, row.finished_us = "VOID", end
        row.status, row.error_code = said[0], said[1]
        row.error = said[2].format(n=self._rng.randrange(2, 60))
        return end, [Void(row)]

    def _failed(self, row: RequestRow, cost: int) -> tuple[int, list[Operation]]:
        held = row.created_us + self._rng.randrange(500, 400_000)
        end, operations = self._refused(row, self._rng.choice(_FAILURES), held + self._rng.randrange(20_000, 8_000_000))
        return end, [Hold(row, 2 * cost, cost, held), *operations]

    def _served(
        self, row: RequestRow, model: Sold, person: Person, units: Units, cost: int, roll: float
    ) -> tuple[int, list[Operation]]:
        rng = self._rng
        wait = int(rng.expovariate(1 / 15)) if rng.random() < 0.85 else int(rng.expovariate(1 / 1_800))
        held = row.created_us + (1 + wait) * 1_000
        first = held + round(model.first_ms * 1_000 * rng.lognormvariate(0, 0.5))
        end = first + round(units.output / (model.speed * rng.lognormvariate(0, 0.25)) * MILLION) + 1_000
        row.status, row.basis, row.finished_us, row.first_byte_us = 200, "measured", end, first if row.stream else end
        if roll > 0.985 and row.stream:
            row.status, row.basis = 499, "partial"
        elif roll > 0.965:
            row.basis = "estimated"
        elif roll > 0.9645:
            row.basis, row.error_code, row.error = "recovered", "gateway_died", _RECOVERED
        row.units_json, row.input_tokens, row.output_tokens = units_json(units), units.input, units.output
        row.state = "SETTLED"
        person.balance -= cost
        if roll > 0.9995 and cost:
            later = end + round(rng.expovariate(1 / 20) * HOUR_US)
            heapq.heappush(self._refunds, (later, row.id, person, cost))
        return end, [Hold(row, 2 * cost, cost, held), Settle(row, cost)]

    def _due(self, now_us: int) -> Iterator[list[Operation]]:
        """Refunds whose time has come."""
        while self._refunds and self._refunds[0][0] < now_us:
            at, request_id, person, amount = heapq.heappop(self._refunds)
            person.balance += amount
            yield [self._post(person, "refund", amount, request_id, "the answer was cut off", at)]
