"""All keys, or those of one user."""

from collections.abc import Sequence
from typing import Any

from quart import Response

from functions.admin_keys.schema import view
from infra.identity.key_columns import STATES
from infra.journal.views import listing
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.models import Key, User

NAMES_AT_ONCE = 500
"""Above this many users a list asks for all, rather than for each by id."""


async def show_all(call: Call) -> Response:
    """GET /admin/keys?user=&q=&state=&limit=&cursor=, oldest first. Raises BadRequest, NotFound."""
    query, identity = Query(call, "user", "q", "state", "limit", "cursor"), call.gateway.identity
    wanted = query.text("user")
    user_id = (await identity.users.find(wanted)).id if wanted else None
    q, state = query.text("q"), query.one_of("state", STATES)
    keys, cursor = await identity.keys.page(user_id, query.limit_or_all(), query.text("cursor"), q, state)
    return call.answer(listing(await _owned(keys), cursor))


async def _owned(keys: Sequence[Key]) -> list[dict[str, Any]]:
    wanted = {key.user_id for key in keys}
    users = await (User.filter(id__in=wanted) if len(wanted) <= NAMES_AT_ONCE else User.all())
    names = {user.id: user.name for user in users}
    return [view(key, names[key.user_id]) for key in keys]
