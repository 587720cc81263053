"""The account, its usage and its requests as JSON."""

from collections.abc import Sequence
from typing import Any

from infra.identity.keyring import PREFIX
from infra.journal import asked, views
from infra.journal.figures import day_start_us
from infra.journal.line import Filters
from infra.rollups.figures import DAY_US
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
