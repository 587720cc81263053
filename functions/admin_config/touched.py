"""Whom a change of a model or a price touches."""

from collections.abc import Sequence
from typing import Any

from functions.admin_config.schema import change_view, model_of
from infra.config.changes import Change
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.units import DAYS

PERIOD_SECONDS = 30 * DAYS


async def with_touched(store: Store, changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes; those of models and prices with the `keys` and `users` that used the model in the last 30 days."""
    known: dict[tuple[str, str], dict[str, int]] = {}
    for change in changes:
        place = model_of(change)
        if place is not None and place not in known:
            known[place] = await _using(store, *place)
    return [change_view(change, known.get(place) if (place := model_of(change)) else None) for change in changes]


async def _using(store: Store, model: str, endpoint: str) -> dict[str, int]:
    # A refused request (VOID) used nothing.
    where, values = "model = ? AND created_us >= ? AND state <> 'VOID'", [model, now_us() - PERIOD_SECONDS * SECOND_US]
    if endpoint:
        where, values = f"{where} AND endpoint = ?", [*values, endpoint]
    sql = f"SELECT count(DISTINCT key_id) AS keys, count(DISTINCT user_id) AS users FROM requests WHERE {where}"
    row = (await store.read(sql, *values))[0]
    return {"keys": int(row["keys"]), "users": int(row["users"])}
