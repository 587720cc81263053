"""The way of one request to a backend: seat → hold → send, and on to the model's next target where that one failed.

Whatever may have generated is not sent again: a second try could generate, and bill, twice. So only these fail over,
and only before the backend's first byte: what certainly was not sent, and what was answered with an error status, the
latter within the model's retry budget (docs/routing.md, Several backends).
"""

import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from infra.backends.choice import prefix_of
from infra.backends.faults import ErrorAnswer, NotSent
from infra.backends.reply import Reply
from infra.errors import GatewayError, NoBackend, Overloaded, RateLimited, Unavailable
from infra.limits.limiter import Ticket
from infra.metering.bounds import Bounds
from infra.metering.context import one_prompt, too_long
from infra.runtime.counter import RequestCounter
from infra.runtime.refusal import unaffordable
from infra.runtime.tiers import rank_of

if TYPE_CHECKING:
    from infra.backends.adapters.base import Adapter, Prepared, Probe
    from infra.backends.seat import Seat
    from infra.catalogue.offer import Offer
    from infra.config.objects import Target
    from infra.runtime.relay import Relay

FALLBACKS_MAX = 8


class Sending:
    """Owned by its Relay, whose offer, bounds and row it uses; the Relay releases the seat."""

    def __init__(self, relay: "Relay") -> None:
        # Each with the other, they and all that they know of the request would wait for the garbage collector.
        self._relay: Relay = weakref.proxy(relay)
        self.seat: Seat | None = None
        self.sent = False
        """A backend may have worked on it."""
        self.in_books = False
        """The ledger may know this request."""
        self.limited = False
        """The balance did not buy what was asked for: `max_tokens` was lowered."""
        self.ignored: tuple[str, ...] = ()
        self._held: int | None = None
        """Nano-units, once they are."""
        self._prepared: Prepared | None = None
        self._prepared_for: tuple[Target, Bounds, Adapter, Probe] | None = None
        """The body as it was made last, and what for."""
        self._fallbacks = self._chain() if relay.offer.fallback is not None else []
        self.place: tuple[int, float] | None = None
        """Position in the queue and seconds to go, while waiting there."""

    async def reply(self) -> Reply:
        """The backend's answer, of which nothing was read yet. Raises what can come before its first byte."""
        while True:
            try:
                return await self._reply()
            except NoBackend:
                if not self._fallbacks:
                    raise
                self.release()
                await self._fall_back(self._fallbacks.pop(0))

    async def _reply(self) -> Reply:
        """From the backends of the model that serves now."""
        relay = self._relay
        relay.call.gateway.pool.budget(relay.offer.id).request()
        self._refuse_fields()
        left = list(relay.offer.targets)
        await self._sit(left)
        await self._fits()
        if not self.in_books:
            await self._hold()
        while True:
            assert self.seat is not None
            try:
                return await self._send(self.seat)
            except GatewayError as error:
                self.seat.failed(error)
                left.remove(self.seat.target)
                if not self._goes_on(error, left):
                    raise
                self.release()
                self.sent = False
                await self._sit_again(left, error)

    async def _fall_back(self, offer: "Offer") -> None:
        """Another model serves: what it can cost, whether that can be paid, and whether its own limits have room, is
        found anew. Raises RateLimited, BalanceTooLow."""
        relay, call = self._relay, self._relay.call
        if self._held is None:
            bounds = await call.affordable(offer, relay.ask)
        else:
            bounds = call.bounds(offer, relay.ask)
            if self._held < bounds.least():
                raise unaffordable(bounds, self._held)
            await call.count_model(offer)
            bounds = self._within(bounds, self._held)
        relay.serve(offer, bounds)
        call.gateway.telemetry.fell_back(relay.row.model, offer.id)

    def _chain(self) -> "list[Offer]":
        """The models that may serve where this one's backends are gone, as far as the caller may use them here."""
        relay, found = self._relay, list["Offer"]()
        allowed, following = relay.call.user.models, relay.offer.fallback
        while following is not None and (allowed is None or following in allowed):
            try:
                found.append(relay.call.gateway.catalogue.offer(following, relay.call.endpoint, relay.meters))
            except GatewayError:
                break  # not sold at this endpoint
            following = found[-1].fallback if len(found) < FALLBACKS_MAX else None
        return found

    def release(self) -> None:
        """Gives the slot back; idempotent."""
        seat, self.seat = self.seat, None
        if seat is not None:
            seat.release()

    def _refuse_fields(self) -> None:
        """A field that the backend must not get is a 400 at once, not after the queue."""
        target = self._relay.offer.targets[0]
        adapter = self._relay.call.gateway.pool.adapter(target.backend)
        if adapter is not None:
            self._prepare(adapter, target)

    def _prepare(self, adapter: "Adapter", target: "Target") -> "Prepared":
        """The body for a target; the one that was checked before the queue is the one that is sent, as a rule."""
        relay = self._relay
        wanted = target, relay.bounds, adapter, adapter.known
        if self._prepared is None or self._prepared_for != wanted:
            self._prepared = adapter.prepare(relay.ask.task, self._body(), target.upstream)
            self._prepared_for = wanted
        return self._prepared

    async def _sit(self, targets: Sequence["Target"]) -> None:
        caller, pool = self._relay.call.user, self._relay.call.gateway.pool
        prefix = prefix_of(self._relay.ask) if len(targets) > 1 else None
        rank = rank_of(caller, self._relay.call.tier)
        self._relay.call.arrive()
        self.seat = await pool.seat(
            targets, caller.user_id, caller.weight, self._told, rank, prefix=prefix, spare=bool(self._fallbacks)
        )
        if self.place is not None:  # a key that was revoked meanwhile starts nothing
            await self._relay.call.gateway.identity.caller(self._relay.call.headers, self._relay.call.address)
        self.place = None
        self._relay.call.client_seconds = self.seat.adapter.backend.deadlines.client

    def _told(self, position: int, eta_seconds: float) -> None:
        self.place = position, eta_seconds

    async def _fits(self) -> None:
        """Where the owner states the model's context, a prompt beyond it is refused before any hold."""
        assert self.seat is not None
        relay, context = self._relay, self._relay.offer.context
        if context is None or relay.ask.prompt_bound <= context or not one_prompt(relay.ask):
            return
        counted = await RequestCounter(self.seat.adapter, relay.ask, self.seat.target.upstream).prompt()
        if counted is not None and counted > context:
            raise too_long(context, counted)

    def refuse_cut(self, reply: Reply) -> None:
        """Of a prompt that the backend cut without a word nobody pays the answer; raises ContextTooLong."""
        relay, reported = self._relay, self._relay.meter.reported
        if self.seat is None or reported is None or reported.input is None:
            return
        upstream, stated = self.seat.target.upstream, relay.offer.context
        context = self.seat.adapter.cut_to(relay.ask, reported.input, upstream, reply.context, stated)
        if context is not None:
            self.sent = False
            raise too_long(context, f"about {max(context + 1, relay.ask.prompt_estimate)}")

    async def _hold(self) -> None:
        """Tokens of the limits, then money: whoever waited in the queue has pinned neither."""
        assert self.seat is not None
        relay = self._relay
        if relay.call.ticket is not None:
            await self._reserve(relay.call.ticket, self.seat)
        relay.row.backend, relay.row.upstream = self.seat.target.backend, self.seat.target.upstream
        relay.call.gateway.ledger.writer.refuse_if_stalled()
        self.in_books = True  # from here on they may know this request, whatever comes back
        # A hold cannot grow: it is for the dearest of the models that may come to serve.
        wants = [relay.bounds.want(), *(relay.call.bounds(other, relay.ask).want() for other in self._fallbacks)]
        held = await relay.call.gateway.ledger.hold(relay.row, max(wants), relay.bounds.least())
        self._held = held.amount
        relay.bind(self._within(relay.bounds, held.amount))

    def _within(self, bounds: Bounds, held: int) -> Bounds:
        """With as much output as the hold pays for."""
        self.limited = held < bounds.want()
        return replace(bounds, output=bounds.output_for(held)) if self.limited else bounds

    async def _reserve(self, ticket: Ticket, seat: "Seat") -> None:
        """By the bound of a byte per token; where a limit has no room for that, by the backend's own count."""
        relay = self._relay
        output = relay.bounds.output * relay.bounds.answers
        try:
            await ticket.reserve(relay.bounds.prompt + output)
        except RateLimited:
            counted = await RequestCounter(seat.adapter, relay.ask, seat.target.upstream).prompt()
            if counted is None or counted >= relay.bounds.prompt:
                raise
            await ticket.reserve(counted + output)

    async def _send(self, seat: "Seat") -> Reply:
        relay, target, adapter = self._relay, seat.target, seat.adapter
        prepared = self._prepare(adapter, target)
        self.ignored = prepared.ignored
        relay.row.backend, relay.row.upstream = target.backend, target.upstream
        if seat.lapsed:
            raise Overloaded("The gateway stood still for a while. Please try again.")
        self.sent = True
        return await adapter.ask(relay.ask.task, prepared.body, relay.ask.stream, relay.call.id)

    def _goes_on(self, error: GatewayError, left: Sequence["Target"]) -> bool:
        """Whether the next target is tried. Not reached, no such model there, no capacity: nothing was done for it
        anywhere, so it costs no budget; nor do the few that were at a backend when it was ejected."""
        assert self.seat is not None
        if isinstance(error, Unavailable):
            self.sent = False
            return bool(left) or isinstance(error, NotSent)
        if not (isinstance(error, ErrorAnswer) and left):
            return False
        pool, model = self._relay.call.gateway.pool, self._relay.offer.id
        if self.seat.ejected or pool.budget(model).spend():
            pool.noted(self.seat.target.backend, "retried")
            return True
        error.message += " Too many requests are being tried again at other backends to try this one, too."
        error.retry_after = 1
        return False

    async def _sit_again(self, left: Sequence["Target"], error: GatewayError) -> None:
        if not left:
            raise NoBackend("No backend of this model can be reached at the moment.", retry_after=5) from error
        try:
            await self._sit(left)
        except NoBackend:
            if isinstance(error, NotSent):
                raise
            raise error from None

    def _body(self) -> dict[str, Any]:
        relay = self._relay
        body = dict(relay.ask.body)
        if relay.ask.output_field is not None:
            body[relay.ask.output_field] = relay.bounds.output
        return body
