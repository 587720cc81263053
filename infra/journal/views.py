"""Rows as JSON, for the admin API and for callers about themselves: money exact and in nano-units, times in epoch
seconds."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from infra.identity.key_columns import works
from infra.journal.line import Line
from infra.limits.wire import limits_from_json, limits_to_json
from infra.rollups.figures import Figures
from infra.store.clock import SECOND_US, now_us
from infra.store.models import Key
from infra.units import money_decimal, show_factor

if TYPE_CHECKING:
    from infra.backends.state import BackendState

Row = Mapping[str, Any]
_AS_THEY_ARE = (
    *("id", "state", "user_id", "username", "key_id", "key_name", "endpoint", "model", "served_model"),
    *("backend", "upstream", "tier"),
    *("price_id", "stream", "status", "error_code", "error", "input_tokens", "output_tokens", "basis"),
)
_OWNER_ONLY = frozenset(
    {"user_id", "username", "backend", "upstream", "price_id", "held", "held_nano", "shortfall", "shortfall_nano"}
)


def money(name: str, nano: int) -> dict[str, Any]:
    """An amount twice: as an exact decimal and in nano-units."""
    return {name: money_decimal(nano), f"{name}_nano": nano}


def seconds(us: int | None) -> int | None:
    """Microseconds as whole epoch seconds."""
    return None if us is None else us // SECOND_US


def listing(data: Iterable[Any], next_: str | None = None) -> dict[str, Any]:
    """A list as every route answers it; `next` is the cursor of the following page."""
    return {"object": "list", "data": list(data), "next": next_}


def limits(limits_json: str) -> dict[str, Any]:
    """The limits column, every field in it."""
    return limits_to_json(limits_from_json(json.loads(limits_json)))


def own_key(row: Key) -> dict[str, Any]:
    """A key as its user sees it, without its secret."""
    return {
        "id": row.id,
        "name": row.name,
        "key_prefix": row.prefix,
        "active": works(row, now_us()),
        "limits": limits(row.limits_json),
        "models": None if row.models_json is None else json.loads(row.models_json),
        "expires_at": seconds(row.expires_us),
        "created_at": seconds(row.created_us),
        "last_used_at": seconds(row.last_used_us),
    }


def request(line: Line) -> dict[str, Any]:
    """A request as the owner sees it. Milliseconds count from its arrival."""
    return {
        **{name: getattr(line, name) for name in _AS_THEY_ARE},
        "price_factor": show_factor(line.price_factor_ppm),
        "units": json.loads(line.units_json),
        **money("charged", line.charged),
        **money("refunded", line.refunded),
        **money("held", line.held),
        **money("shortfall", line.shortfall),
        "created_at": seconds(line.created_us),
        "finished_at": seconds(line.finished_us),
        "waited_ms": _ms(line.created_us, line.held_us),
        "first_byte_ms": _ms(line.created_us, line.first_byte_us),
        "duration_ms": _ms(line.created_us, line.finished_us),
    }


def own_request(line: Line) -> dict[str, Any]:
    """A request as its caller sees it: without the house behind it."""
    return {name: value for name, value in request(line).items() if name not in _OWNER_ONLY}


def figures(found: Figures, name: str = "revenue") -> dict[str, Any]:
    """Sums over requests; for callers the money is called `cost`."""
    return {
        **money(name, found.revenue_nano),
        "requests": found.requests,
        "errors": found.errors,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
    }


def entry(row: Row) -> dict[str, Any]:
    """An entry of the ledger; the amount has the sign that it has for the user."""
    names = ("id", "kind", "user_id", "username", "seq", "debit", "credit", "request_id", "actor", "reason")
    return {
        **{name: row[name] for name in names},
        **money("amount", signed(row["amount"], row["credit"])),
        **money("balance_after", row["balance_after"]),
        "created_at": seconds(row["created_us"]),
    }


def signed(amount: int, credit: str) -> int:
    """An entry's amount as its user sees it: what leaves their account is negative."""
    return amount if credit.startswith("user:") else -amount


def audit_event(row: Row) -> dict[str, Any]:
    """Who did what; `before` and `after` as they were noted."""
    return {
        "id": row["id"],
        "at": seconds(row["at_us"]),
        "actor": row["actor"],
        "address": row["address"],
        "action": row["action"],
        "target": row["target"],
        "before": _noted(row["before_json"]),
        "after": _noted(row["after_json"]),
    }


def backend_brief(state: "BackendState") -> dict[str, Any]:
    """A backend's health and load."""
    names = ("name", "up", "why", "slots", "busy", "queued")
    standing = [{"pid": each.pid, "slots": each.slots} for each in state.standing]
    return {**{name: getattr(state, name) for name in names}, "standing": standing}


def _noted(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _ms(from_us: int, to_us: int | None) -> int | None:
    return None if to_us is None else max(0, to_us - from_us) // 1_000
