"""One running request as JSON: GET /admin/live, and the events of its beginning and its end."""

from typing import TYPE_CHECKING, Any

from infra.ledger.books import RequestRow
from infra.store.clock import now_us
from infra.units import money_decimal

if TYPE_CHECKING:
    from infra.runtime.call import Call
    from infra.runtime.relay import Relay

KEY_PREFIX = "sk-"


def shown(relay: "Relay") -> dict[str, Any]:
    """Who asked for what, how far it has come, and what it would be billed if it were cut now.

    Tokens count what was delivered; the prompt is an estimate until the backend reports it."""
    place, seconds = relay.sending.place if relay.sending.place is not None and not relay.sending.sent else (None, None)
    units = relay.meter.so_far()
    cost = relay.bounds.cost(units) if relay.meter.pieces else 0
    return {
        **asked(relay),
        "backend": relay.row.backend,
        "stage": stage(relay),
        "place": place,
        "eta_seconds": None if seconds is None else round(seconds),
        "age_ms": max(0, now_us() - relay.row.created_us) // 1_000,
        "input_tokens": units.input,
        "output_tokens": units.output,
        "cost": money_decimal(cost),
        "cost_nano": cost,
    }


def asked(relay: "Relay") -> dict[str, Any]:
    """What is known of a request from its first moment on."""
    caller = relay.call.user
    return {
        "id": relay.row.id,
        "user_id": caller.user_id,
        "username": caller.user_name,
        "key_prefix": KEY_PREFIX + caller.key_id,
        "model": relay.row.model,
        "endpoint": relay.row.endpoint,
        "tier": relay.row.tier,
        "stream": relay.row.stream,
    }


def ended(call: "Call", row: RequestRow, charged: int) -> dict[str, Any]:
    """How a request to a model came to its end; milliseconds count from its arrival."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "username": call.user.user_name,
        "model": row.model,
        "endpoint": row.endpoint,
        "backend": row.backend,
        "state": row.state,
        "status": row.status,
        "error_code": row.error_code,
        "error": row.error,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "charged": money_decimal(charged),
        "charged_nano": charged,
        "duration_ms": max(0, (row.finished_us or row.created_us) - row.created_us) // 1_000,
    }


def stage(relay: "Relay") -> str:
    """queued: for a slot; waiting: for the first token, or for a plain answer; streaming."""
    if relay.sending.place is not None and not relay.sending.sent:
        return "queued"
    return "streaming" if relay.meter.pieces and relay.row.stream else "waiting"
