"""The account, its usage and its requests as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.identity.keyring import PREFIX
from infra.journal import asked, views
from infra.journal.figures import DayUsage, day_start_us
from infra.journal.line import Filters
from infra.rollups.figures import DAY_US, Figures, added
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.clock import now_us
from infra.store.models import Key, User


def since(days: int) -> int:
    """When the period of so many UTC days began, in microseconds."""
    return day_start_us(now_us()) - (days - 1) * DAY_US


def filters(call: Call, query: Query) -> Filters:
    """The caller's own requests alone: another's key is like one that does not exist. Raises BadRequest."""
    key = query.text("key")
    return asked.filters(query, user_id=call.user.user_id, key_id=key and key.removeprefix(PREFIX))


def account(call: Call, user: User, keys: Sequence[Key]) -> dict[str, Any]:
    """Balance (`free` is what can be spent now), limits and keys; `key` is the id of the one that asks."""
    return {
        "object": "account",
        "id": user.id,
        "username": user.name,
        "currency": call.gateway.manifest.gateway.currency,
        **views.money("balance", user.balance),
        **views.money("held", user.held),
        **views.money("free", user.balance - user.held),
        "limits": views.limits(user.limits_json),
        "created_at": views.seconds(user.created_us),
        "key": call.user.key_id,
        "keys": [views.own_key(key) for key in keys],
    }


def used(
    call: Call, days: int, rows: Sequence[DayUsage], by_key: Mapping[str, Figures], keys: Sequence[Key]
) -> dict[str, Any]:
    """Sums over the period, and by day, model and key; `cost` is what was charged less what came back."""
    names = {key.id: key.name for key in keys}
    return {
        "object": "usage",
        "currency": call.gateway.manifest.gateway.currency,
        "period_days": days,
        **views.figures(added(row.figures for row in rows), "cost"),
        "by_day": _grouped("day", rows),
        "by_model": _grouped("model", rows),
        "by_key": [
            {"key": id, "name": names.get(id), **views.figures(found, "cost")} for id, found in sorted(by_key.items())
        ],
    }


def _grouped(name: str, rows: Sequence[DayUsage]) -> list[dict[str, Any]]:
    groups: dict[str, list[Figures]] = {}
    for row in rows:
        groups.setdefault(getattr(row, name), []).append(row.figures)
    return [{name: each, **views.figures(added(found), "cost")} for each, found in sorted(groups.items())]
