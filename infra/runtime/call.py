"""One request on its way through the gateway: what a function sees, and what ends it on every way out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from quart import Response

from infra.config.objects import DEFAULT_TIER, Deadlines, Endpoint
from infra.errors import BadRequest, GatewayError, ModelNotAllowed
from infra.identity.caller import Caller
from infra.limits.limiter import Ticket
from infra.metering.ask import Ask, Reading
from infra.metering.bounds import Bounds, output_cap
from infra.runtime import replies
from infra.runtime.counter import RequestCounter
from infra.runtime.intake import Intake
from infra.runtime.pipe import Tap
from infra.runtime.record import draft
from infra.runtime.refusal import unaffordable
from infra.runtime.relay import Relay
from infra.runtime.subjects import model_subjects
from infra.runtime.tiers import tier_of
from infra.store.clock import now_us
from infra.store.ids import new

if TYPE_CHECKING:
    from infra.catalogue.offer import Offer
    from infra.runtime.gateway import Gateway

S = TypeVar("S", bound=msgspec.Struct)
DEPTH_MAX = 100
"""Levels of a body to a model; JSON Schemas of tools are the deepest thing that people send."""


class Call:
    """Opened by the router before the guards, closed by it after the whole response; a function never settles."""

    def __init__(
        self,
        gateway: "Gateway",
        endpoint: Endpoint,
        scope: Mapping[str, Any],
        headers: Mapping[str, str],
        intake: Intake,
    ) -> None:
        self.id = new("req")
        self.gateway = gateway
        self.endpoint = endpoint
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = headers
        self.intake = intake
        self.address = gateway.client_address(scope, headers)
        self.query_string: bytes = scope["query_string"]
        self.params: dict[str, str] = {}
        self.created_us = now_us()
        self.opened = time.monotonic()
        self.caller: Caller | None = None
        self.actor = ""
        """Who acts at the admin API."""
        self.actor_until: int | None = None
        self.actor_claim: str | None = None
        """The epoch second at which that ends, for a session."""
        self.tap: Tap | None = None
        """Writes a part of a stream to the client at once, where the server can."""
        self.ticket: Ticket | None = None
        self.client_seconds = Deadlines().client
        """A client that takes nothing for so long is cut: a stalled reader must not keep a slot."""
        self.ask: Ask | None = None
        self.relay: Relay | None = None
        self.tier = DEFAULT_TIER
        self.came: Callable[[], None] = _nothing
        """Told once, when it asks for a slot or is over without: until then it counts as on its way."""
        self.error: GatewayError | None = None
        """What the caller was refused with, for the journal."""
        self.secret_answer = False
        """The answer holds a secret that must not be kept for a replay."""
        self._bounds: Bounds | None = None
        self._closers: list[Callable[[], None]] = []

    # --- what the caller sent ---------------------------------------------------------------------------------------

    @property
    def query(self) -> dict[str, str]:
        """The query's fields; of one that comes twice, the last. Raises BadRequest."""
        try:
            return dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=100))
        except ValueError:
            raise BadRequest("The query has too many fields.") from None

    async def body(self) -> dict[str, Any]:
        """The JSON object that was sent; raises BadRequest."""
        found = _decoded(self.intake.body, Any)
        if _too_deep(self.intake.body, found):
            raise BadRequest(f"The body is nested more than {DEPTH_MAX} levels deep.")
        if not isinstance(found, dict):
            raise BadRequest(f"The body must be a JSON object, found {_kind(found)}.")
        return found

    async def read(self, shape: type[S]) -> S:
        """The JSON object that was sent as a `msgspec.Struct`; amounts (infra.units.Written) come exactly as written.

        Raises BadRequest with the field in `param`.
        """
        if b"\\u0000" in self.intake.body:
            raise BadRequest("The body contains a NUL character (\\u0000), which cannot be stored.")
        found: S = _decoded(self.intake.body or b"{}", shape, _exactly)
        return found

    def idempotency_key(self, *, required: bool = False) -> str | None:
        """The Idempotency-Key header; raises BadRequest where it is required and missing, or too long."""
        key = self.headers.get("idempotency-key")
        if required and not key:
            raise BadRequest("This moves money: send an Idempotency-Key header, so that a retry cannot move it twice.")
        if key is not None and len(key) > 255:
            raise BadRequest("The Idempotency-Key is longer than 255 characters.")
        return key

    # --- what a function does with it -------------------------------------------------------------------------------

    @property
    def user(self) -> Caller:
        """The caller of an endpoint with `access: key`."""
        if self.caller is None:
            raise TypeError(f"{self.endpoint.name} has no caller: its access is {self.endpoint.access!r}")
        return self.caller

    def model(self, ask: Ask, reading: Reading) -> "Offer":
        """The model that was asked for, as this caller may use it here; raises ModelUnknown, ModelNotAllowed."""
        self.ask = ask
        offer = self.gateway.catalogue.offer(ask.model, self.endpoint, reading.meters)
        allowed = self.user.models
        if allowed is not None and offer.id not in allowed:
            raise ModelNotAllowed(f"This API key may not use the model {offer.id!r}.", param="model")
        return offer

    async def afford(self, offer: "Offer", ask: Ask) -> None:
        """Counts the request in the model's own limits and refuses at once what the balance cannot pay; pins nothing
        yet. Raises BadRequest (a service tier that is not offered), RateLimited, BalanceTooLow,
        BillingUnavailable."""
        self.tier = tier_of(ask.tier, self.gateway.manifest.gateway)
        self._bounds = await self.affordable(offer, ask)

    async def affordable(self, offer: "Offer", ask: Ask) -> Bounds:
        """The same for any model that may serve: what it can cost at most."""
        ledger, user = self.gateway.ledger, self.user.user_id
        ledger.writer.refuse_if_stalled()
        await self.count_model(offer)
        bounds = self.bounds(offer, ask)
        money = await ledger.money(user)
        if money.free < bounds.want():
            # The bound is a byte per token; close to the end of the money the backend's own count decides.
            bounds = await self._refined(offer, ask, bounds)
            money = await ledger.money(user, fresh=True)
        if money.balance < bounds.least():
            raise unaffordable(bounds, money.free)
        return bounds

    async def count_model(self, offer: "Offer") -> None:
        """Counts the request in this model's own limits; raises RateLimited."""
        if self.ticket is not None:
            await self.ticket.join(model_subjects(offer, self.user))

    def bounds(self, offer: "Offer", ask: Ask) -> Bounds:
        """What this model can cost at most, by the prompt's bytes."""
        return Bounds(offer.price, ask.prompt_bound, self._cap(offer, ask), ask.answers, self.tier.factor_ppm)

    async def _refined(self, offer: "Offer", ask: Ask, bounds: Bounds) -> Bounds:
        adapter = self.gateway.pool.adapter(offer.targets[0].backend)
        if adapter is None:
            return bounds
        counted = await RequestCounter(adapter, ask, offer.targets[0].upstream).prompt()
        if counted is None:
            return bounds
        return replace(bounds, prompt=min(counted, bounds.prompt))

    def _cap(self, offer: "Offer", ask: Ask) -> int:
        return output_cap(ask.output_asked, offer.max_output) if ask.output_field is not None else 0

    async def forward(self, offer: "Offer", ask: Ask, reading: Reading) -> Response:
        """Queue → hold → send → meter: the backend's answer, billed when it ends. Needs `afford` first.

        Raises every error of infra.errors that can come before the first byte.
        """
        if self._bounds is None:
            raise TypeError("forward() before afford()")
        self.relay = Relay(self, offer, ask, reading, self._bounds)
        self.relay.start()
        return await (self.relay.stream_response() if ask.stream else self.relay.plain_response())

    def answer(self, data: Any, status: int = 200) -> Response:
        """A JSON response; Decimals become exact numbers."""
        return replies.answer(data, status)

    async def audit(self, action: str, target: str, before: Any = None, after: Any = None) -> None:
        """Notes in the audit log what was done at the admin API, by whom and from where."""
        await self.gateway.audit(self.actor, self.address, action, target, before, after)

    # --- its end ----------------------------------------------------------------------------------------------------

    def at_end(self, done: Callable[[], None]) -> None:
        """Does this once the request is over, however it ends: a stream's own `finally` may never run."""
        self._closers.append(done)

    def arrive(self) -> None:
        """It asks for its slot, or will not; idempotent."""
        came, self.came = self.came, _nothing
        came()

    @property
    def at_rest(self) -> bool:
        """Nothing is left to be waited for: `close` only tidies up."""
        return self.relay is None or self.relay.booked

    async def close(self, status: int) -> None:
        """Ends the request, whatever has happened: runs to its end even where the client has gone. Idempotent."""
        self.arrive()
        closers, self._closers = self._closers, []
        for done in closers:
            done()
        relay, self.relay = self.relay, None
        if relay is not None:
            await relay.leave()
        elif self.ask is not None and self.caller is not None:
            self._journal_refusal(status)
        ticket, self.ticket = self.ticket, None
        if ticket is not None:
            ticket.release()

    def _journal_refusal(self, status: int) -> None:
        assert self.ask is not None
        row = draft(self, self.ask.model[:200], self.ask.stream)
        row.state, row.status, row.finished_us = "VOID", status, now_us()
        if self.error is not None:
            row.error_code, row.error = self.error.code or self.error.type, self.error.message
        self.ask = None
        self.gateway.ledger.journal(row)
        self.gateway.afterwards.do(self.gateway.told.ended, self, row, None)


def _nothing() -> None:
    return None


def _exactly(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]} is no number") from None


def _decoded(body: bytes, shape: Any, read_float: Callable[[str], Any] = float) -> Any:
    if not body.strip():
        raise BadRequest("The body is empty: send a JSON object.")
    try:
        return msgspec.json.Decoder(shape, float_hook=read_float).decode(body)
    except msgspec.ValidationError as error:
        text = str(error).removesuffix(" - at `$[...]`")  # the place of a number out of range, which names nothing
        param = text.rpartition(" - at `$")[2].strip(".`") or None if " - at `$" in text else _unknown_field(text)
        raise BadRequest(f"The body is not what is expected here: {text}.", param=param) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None


def _too_deep(body: bytes, value: Any) -> bool:
    """How deep the decoder itself goes differs from Python to Python; ours is the same everywhere."""
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return False
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(DEPTH_MAX + 1):
        items = [item for one in level for item in (one.values() if isinstance(one, dict) else one)]
        level = [item for item in items if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _unknown_field(text: str) -> str | None:
    return text.split("`")[1] if "unknown field `" in text or "missing required field `" in text else None


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
