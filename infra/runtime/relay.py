"""One forwarded request: queue → hold → send → meter → settle, in a task of its own.

The task reads the backend and counts; the response only empties a pipe. So a client that leaves cancels the response,
never the accounting, and whatever happens the task ends by settling or voiding (docs/design.md, The life of a request).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from quart import Response

from infra.backends.pattern import Repeat
from infra.backends.reply import Reply
from infra.errors import BackendTimeout, BillingUnavailable, GatewayError
from infra.ledger.books import RequestRow
from infra.ledger.operations import Billed, Progress
from infra.metering.ask import Ask, Reading
from infra.metering.bounds import Bounds
from infra.metering.meter import Bill, Ending, Meter
from infra.metering.price import Units
from infra.metering.shown import shown_usage, units_json
from infra.runtime import replies
from infra.runtime.counter import RequestCounter
from infra.runtime.outgoing import Outgoing
from infra.runtime.pipe import Pipe
from infra.runtime.plain import Plain
from infra.runtime.record import CLIENT_LEFT, draft
from infra.runtime.sending import Sending
from infra.store.clock import now_us
from infra.units import show_duration

if TYPE_CHECKING:
    from infra.catalogue.offer import Offer
    from infra.runtime.call import Call

log = logging.getLogger("aethergate.relay")

QUEUE_COMMENT_SECONDS = 5.0
"""After this long without an answer a waiting stream is told its place, and again after as long."""


class Relay:
    """Owned by its Call: `start`, then one of the responses; `leave` ends it whatever its state."""

    def __init__(self, call: "Call", offer: "Offer", ask: Ask, reading: Reading, bounds: Bounds) -> None:
        self.call, self.offer, self.ask, self.bounds = call, offer, ask, bounds
        self.meters, self.meter = reading.meters, Meter(ask, reading, bounds)
        self.row: RequestRow = draft(call, offer.id, ask.stream)
        self.row.price_id = offer.price_id
        self._tier = None if ask.tier is None else call.tier.name
        self.first_byte_us: int | None = None
        self.sending = Sending(self)
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pipe = Pipe(call.tap)
        self._plain: Plain | None = None
        self._outgoing: Outgoing | None = None
        self.billed: Billed | None = None
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._checkpointed, self._ending = -1, False
        self.because: GatewayError | None = None  # why we cut it, where it was not the client who left

    def bind(self, bounds: Bounds) -> None:
        """Other bounds, where the balance buys less than was asked for."""
        self.bounds = self.meter.bounds = bounds

    def serve(self, offer: "Offer", bounds: Bounds) -> None:
        """Another model serves than the one that was asked for, at its own price."""
        self.offer, self.row.served_model, self.row.price_id = offer, offer.id, offer.price_id
        self.bind(bounds)

    # --- the response -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins the work."""
        self._task = self.call.gateway.spawn(self._run(), name=f"relay-{self.call.id}")
        self.call.gateway.told.begun(self)

    async def plain_response(self) -> Response:
        """The whole answer, after it is settled; raises what went wrong."""
        await self._begun
        assert self._plain is not None
        return self._plain.response(self.billed)

    async def stream_response(self) -> Response:
        """The stream from its first event, or from the moment that a waiting client must be told something."""
        done, _ = await asyncio.wait({self._begun}, timeout=QUEUE_COMMENT_SECONDS)
        if done:
            self._begun.result()
        headers = {**self._headers(), "cache-control": "no-cache", "x-accel-buffering": "no"}
        response = Response(self._stream(), 200, headers, content_type=replies.EVENT_STREAM)
        response.timeout = None  # Quart's covers the whole stream; the relay has its own deadlines
        return response

    def _headers(self) -> dict[str, str]:
        found = self.call.ticket.headers() if self.call.ticket is not None else {}
        if self.sending.limited:
            found["x-aethergate-limited"] = "balance"
        if self.row.served_model is not None:
            found["x-aethergate-fallback"] = self.row.served_model
        if self.sending.ignored:
            found["x-aethergate-ignored"] = ", ".join(replies.sayable(self.sending.ignored))
        return found

    async def _stream(self) -> AsyncIterator[bytes]:
        while not self._begun.done():
            yield replies.comment(self._waiting())
            await asyncio.wait({self._begun}, timeout=QUEUE_COMMENT_SECONDS)
        while (data := await self._pipe.read()) is not None:
            yield data

    def _waiting(self) -> str:
        if self.sending.place is None:
            return "waiting for the model"
        position, eta = self.sending.place
        return f"queued position={position} eta={show_duration(eta)}"

    @property
    def booked(self) -> bool:
        """The work is over, and its bill is written."""
        return self._task is not None and self._task.done()

    async def leave(self, *, because: GatewayError | None = None) -> None:
        """The response is over, whole or not: ends the work and waits until it is booked. `because`: cut by us, not by
        the client; then the request is billed as if the backend had died."""
        self.call.gateway.relays.pop(self.call.id, None)
        if self._task is not None and not self._task.done():
            if not self._ending:  # who is booking is not disturbed: a bill that is not written keeps its hold for ever
                self._ending, self.because = True, because
                self._task.cancel()
            await asyncio.wait({self._task})

    # --- the work -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        error: GatewayError | None = None
        ending: Ending = "backend_died"
        try:
            async with asyncio.timeout(self.call.endpoint.limits.time):
                await self._work()
            ending = "complete"
        except asyncio.CancelledError:
            # Only `leave` and the end of the process cancel this task; the end is still ours to book.
            ending, error = "backend_died" if self.because else "client_left", self.because
        except TimeoutError:
            error = BackendTimeout("The request took longer than is allowed here.")
        except GatewayError as raised:
            error = raised
        except Exception:
            log.exception("request %s failed", self.call.id)
            error = GatewayError("Something went wrong in the gateway; it was noted.")
        self._ending = True
        try:
            if self.because is not None:  # told at once: a database that is away may be why
                self._finish(self.because, None)
                self._pipe.close()
        finally:
            await self._end(ending, error)

    async def _work(self) -> None:
        self._reply = reply = await self.sending.reply()
        seat = self.sending.seat
        assert seat is not None
        try:
            if self.ask.stream:
                self._outgoing = Outgoing(self.meter, self.offer.id, self._tier)
                async for events in reply.events(self._pass_on):
                    if not self._pass_on(events):
                        await self._pipe.room()
            else:
                said = await reply.whole()
                self.first_byte_us = now_us()
                self.meter.see(said)
                self._plain = Plain(said, self.offer.id, self._tier)
            self.sending.refuse_cut(reply)
        except GatewayError as error:
            seat.failed(error)
            raise
        seat.worked()

    def _pass_on(self, events: Sequence[dict[str, Any] | Repeat]) -> bool:
        """Lets events that arrived together leave together; whether there is room for more."""
        assert self._outgoing is not None
        out = self._outgoing.leaving(events)
        if self.first_byte_us is None and self.meter.pieces:
            self.first_byte_us = now_us()
            if self.sending.seat is not None:
                self.sending.seat.began()
        if out:
            self._pipe.push(out)
            self._begin()
        return not self._pipe.full

    def _begin(self, error: GatewayError | None = None) -> None:
        if self._begun.done():
            return
        if error is None:
            self._begun.set_result(None)
        else:
            self._begun.set_exception(error)
            self._begun.exception()  # a client that has gone never asks

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _end(self, ending: Ending, error: GatewayError | None) -> None:
        """Frees the slot, books the request, then lets the last byte go."""
        try:
            if self._reply is not None:
                await self._reply.close()
            bill = await self._bill(ending)
            row = await self._book(ending, error, bill)
            if self.because is None:
                self._finish(error, bill)
            self.call.gateway.afterwards.do(self.call.gateway.told.ended, self.call, row, self.billed)
        finally:
            # Whatever failed above, nobody may wait for ever for this request, and the slot is not lost.
            self._begin(GatewayError("Something went wrong in the gateway; it was noted."))
            self._pipe.close()
            self.sending.release()

    async def _bill(self, ending: Ending) -> Bill | None:
        seat = self.sending.seat
        if not self.sending.sent or seat is None:
            return None
        counter = RequestCounter(seat.adapter, self.ask, seat.target.upstream)
        try:
            return await self.meter.bill(ending, counter)
        except Exception:
            # Whatever an answer held that could not be counted: the hold must end, billed as the checkpoint would be.
            log.exception("the bill of request %s is only what was counted on the way", self.call.id)
            return Bill(self.meter.so_far(), "partial") if self.meter.pieces else None

    async def _book(self, ending: Ending, error: GatewayError | None, bill: Bill | None) -> RequestRow:
        """The request as it is kept."""
        row = self.row.changed(
            status=CLIENT_LEFT if ending == "client_left" else error.status if error else 200,
            error_code=(error.code or error.type) if error else None,
            error=error.message if error else None,
            first_byte_us=self.first_byte_us,
            finished_us=now_us(),
        )
        ledger, meanwhile = self.call.gateway.ledger, partial(self._meanwhile, error, bill)
        if bill is None:
            self.correct_limits(Units())
            if self.sending.in_books and not isinstance(error, BillingUnavailable):
                self.billed = await ledger.void(row, meanwhile)
            else:  # with a database that is away nobody waits for a void: who is refused is told at once
                ledger.journal(row.changed(state="VOID"))
        else:
            self.correct_limits(bill.units)
            row.state, row.basis, row.units_json = "SETTLED", bill.basis, units_json(bill.units)
            row.input_tokens, row.output_tokens = bill.units.input, bill.units.output
            self.billed = await ledger.settle(row, self.bounds.cost(bill.units), meanwhile)
        return row

    def _meanwhile(self, error: GatewayError | None, bill: Bill | None) -> None:
        """While the end is written. The backend has done its part: the next one need not wait until the bill is on the
        disk, and whoever that is finds the money that it frees, for it stands in line before them."""
        self.sending.release()
        if error is None and bill is not None and self._plain is not None:
            self._plain.make(self._usage(bill.units, self.bounds.cost(bill.units)), self._headers)

    def _usage(self, units: Units, charged: int) -> dict[str, Any]:
        return shown_usage(self.ask.task, units, charged, "balance" if self.sending.limited else None)

    def correct_limits(self, units: Units) -> None:
        """The token windows hold what was used instead of what was reserved."""
        if self.call.ticket is not None:
            self.call.ticket.correct(units.input + units.output)

    def _finish(self, error: GatewayError | None, bill: Bill | None) -> None:
        """What the client still has to get: its JSON, its usage chunk and [DONE], or the error."""
        if error is not None:
            started = self._begun.done()
            self._begin(error)
            if started or self.ask.stream:
                self._pipe.push(replies.event(error.body()))
            return
        units = bill.units if bill is not None else Units()
        usage = self._usage(units, self.billed.charged if self.billed is not None else self.bounds.cost(units))
        if self._plain is not None:
            self._plain.make(usage, self._headers)
        elif bill is not None and self.ask.wants_usage and self._outgoing is not None:
            kept = {key: value for key, value in self._outgoing.last.items() if key != "choices"}
            self._pipe.push(replies.event({**kept, "choices": [], "usage": usage}))
        if self.ask.stream:
            self._pipe.push(replies.DONE)
        self._begin()

    def checkpoint(self) -> Progress | None:
        """How far the stream has come since the last checkpoint, for the books; None where nothing is new."""
        if not self.sending.sent or self.meter.pieces == self._checkpointed or not self.meter.pieces:
            return None
        self._checkpointed = self.meter.pieces
        units = self.meter.so_far()
        cost, served = self.bounds.cost(units), (self.row.price_id, self.row.served_model)
        return Progress(self.call.id, cost, units_json(units), units.input, units.output, self.first_byte_us, *served)
