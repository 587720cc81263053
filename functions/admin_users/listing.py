"""Users as a list, and what is told of each."""

from collections.abc import Sequence
from typing import Any

from quart import Response

from functions.admin_users.schema import view
from infra.journal.people import SORTS
from infra.journal.views import listing
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.clock import now_us
from infra.store.models import User


async def show_all(call: Call) -> Response:
    """GET /admin/users?q=&sort=&limit=&cursor=."""
    query, people = Query(call, "q", "sort", "limit", "cursor"), call.gateway.journal.people
    sort, q, limit, cursor = query.one_of("sort", SORTS), query.text("q"), query.limit_or_all(), query.text("cursor")
    if sort is not None:
        page = await people.sorted(sort, q, limit, cursor, now_us())
        users, following = page.rows, page.next
    else:
        users, following = await call.gateway.identity.users.page(q, limit, cursor)
    whole = following is None and cursor is None and not q
    return call.answer(listing(await shown(call, users, whole), following))


async def shown(call: Call, users: Sequence[User], whole: bool = False) -> list[dict[str, Any]]:
    """With what they have and do; `whole`: these are all users, so nothing is asked for by id."""
    ids, gateway = [user.id for user in users], call.gateway
    keys = await gateway.identity.keys.count_by_user(None if whole else ids)
    habits = await gateway.journal.people.habits(ids, now_us())
    return [view(user, keys.get(user.id, 0), habits[user.id]) for user in users]
