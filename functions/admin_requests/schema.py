"""Which requests the owner asks for."""

from infra.journal import asked
from infra.journal.line import Filters
from infra.runtime.call import Call
from infra.runtime.query import Query

FIELDS = ("user", *asked.FIELDS)


async def filters(call: Call, query: Query) -> Filters:
    """Raises BadRequest, and NotFound for a user or key that there is not."""
    identity, user, key = call.gateway.identity, query.text("user"), query.text("key")
    return asked.filters(
        query,
        user_id=(await identity.users.find(user)).id if user else None,
        key_id=(await identity.keys.find(key)).id if key else None,
    )
