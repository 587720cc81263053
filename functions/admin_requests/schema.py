"""Which requests the owner asks for."""

from infra.journal import asked
from infra.journal.line import Filters
from infra.runtime.call import Call
from infra.runtime.query import Query

FIELDS = ("user", "backend", *asked.FIELDS)
EXPORTED = ("user", "backend", "format", *asked.FILTERS)


async def filters(call: Call, query: Query) -> Filters:
    """Raises BadRequest, and NotFound for a user or key that there is not."""
    identity, name, key_id = call.gateway.identity, query.text("user"), query.text("key")
    user = await identity.users.find(name) if name else None
    key = await identity.keys.find(key_id) if key_id else None
    # The log is indexed by user: a key's requests are found among those of its user.
    user_id = user.id if user else key.user_id if key else None
    return asked.filters(query, user_id=user_id, key_id=key.id if key else None)
