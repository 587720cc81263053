"""What the owner says when money moves, and what is answered."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec

from infra.errors import BadRequest
from infra.identity.names import storable
from infra.journal import views
from infra.ledger.audit import AuditReport
from infra.ledger.ledger import Adjustment, Refund, TopUp
from infra.ledger.operations import Posted
from infra.runtime.call import Call
from infra.store.models import Entry, User
from infra.units import Written, money, signed_money

REASON_MAX = 1_000


class NewTopUp(msgspec.Struct, forbid_unknown_fields=True):
    """POST /admin/ledger/topups; the amount is in the gateway's currency, a JSON number or text."""

    username: str
    amount: Written
    reason: str | None = None


class NewAdjustment(msgspec.Struct, forbid_unknown_fields=True):
    """POST /admin/ledger/adjustments."""

    username: str
    amount: Written
    reason: str


class NewRefund(msgspec.Struct, forbid_unknown_fields=True):
    """POST /admin/ledger/refunds; without an amount all that is left of the charge goes back."""

    request_id: str
    reason: str
    amount: Written = None


async def top_up(call: Call, said: NewTopUp) -> TopUp:
    """Raises BadRequest, NotFound."""
    key = _key(call)
    amount, reason = _amount(said.amount, money), _reason(said.reason or "")
    user = await call.gateway.identity.users.find(said.username)
    return TopUp(user.id, amount, reason, call.actor, call.address, key)


async def adjustment(call: Call, said: NewAdjustment) -> Adjustment:
    """Raises BadRequest, NotFound."""
    key = _key(call)
    amount, reason = _amount(said.amount, signed_money), _reason(said.reason, needed=True)
    user = await call.gateway.identity.users.find(said.username)
    return Adjustment(user.id, amount, reason, call.actor, call.address, key)


def refund(call: Call, said: NewRefund) -> Refund:
    """Raises BadRequest."""
    key = _key(call)
    if not storable(said.request_id):
        raise BadRequest("request_id is not an id of a request.", param="request_id")
    amount = None if said.amount is None else _amount(said.amount, money)
    return Refund(said.request_id, amount, _reason(said.reason, needed=True), call.actor, call.address, key)


async def moved(call: Call, order: TopUp | Adjustment | Refund) -> dict[str, Any]:
    """Books it, and tells whoever watches. Raises BadRequest, NotFound, Conflict, BillingUnavailable."""
    found = await shown(await call.gateway.ledger.post(order))
    call.gateway.told.changed(f"ledger.{found['kind']}", found["username"], call.actor)
    return found


async def shown(posted: Posted) -> dict[str, Any]:
    """What was booked, now or at the first try: the amount with its sign, and the balance after it."""
    entry = await Entry.get(id=posted.entry_id)
    return {
        "entry_id": entry.id,
        "kind": entry.kind,
        "user_id": entry.user_id,
        "username": (await User.get(id=entry.user_id)).name,
        "request_id": entry.request_id,
        **views.money("amount", views.signed(posted.amount, entry.credit)),
        **views.money("balance", posted.balance),
        "created_at": views.seconds(entry.created_us),
    }


def reported(report: AuditReport) -> dict[str, Any]:
    """The audit's report; clean where `findings` is empty."""
    counts = {name: getattr(report, name) for name in ("users", "entries", "requests", "repriced")}
    return {
        "clean": report.clean,
        **counts,
        **views.money("balance_total", report.balance_total),
        **views.money("held_total", report.held_total),
        "findings": [asdict(finding) for finding in report.findings],
    }


def _key(call: Call) -> str:
    return call.idempotency_key(required=True) or ""


def _amount(value: object, read: Callable[[object], int]) -> int:
    try:
        return read(value)
    except ValueError as error:
        raise BadRequest(f"amount: {error}.", param="amount") from None


def _reason(text: str, *, needed: bool = False) -> str:
    if needed and not text.strip():
        raise BadRequest("Say why: the reason is kept with the entry.", param="reason")
    if not storable(text, REASON_MAX):
        raise BadRequest(f"reason must be a text of at most {REASON_MAX:,} characters.", param="reason")
    return text
