"""Usage and statements of one user."""

from quart import Response

from functions.admin_statements.paper import paper
from functions.admin_statements.schema import FORMATS, as_csv, as_json, month
from infra.journal.figures import day_start_us
from infra.journal.statement import statement
from infra.journal.used import used
from infra.rollups.figures import DAY_US
from infra.runtime import replies
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.clock import now_us
from infra.store.models import User


async def handle(call: Call) -> Response:
    """By the last word of the path. Raises BadRequest 400, NotFound 404."""
    user = await call.gateway.identity.users.find(call.params["id"])
    return await (usage if call.path.endswith("/usage") else on_paper)(call, user)


async def usage(call: Call, user: User) -> Response:
    """GET /admin/users/{id}/usage?days=30: so many UTC days, today's part included."""
    days = Query(call, "days").whole("days", least=1, most=366) or 30
    journal, since = call.gateway.journal, day_start_us(now_us()) - (days - 1) * DAY_US
    rows, by_key = await journal.usage_of(user.id, since), await journal.usage_by_key(user.id, since)
    keys = await call.gateway.identity.keys.all(user.id)
    found = used(call.gateway.manifest.gateway.currency, days, rows, by_key, keys)
    return call.answer({**found, "user_id": user.id, "username": user.name})


async def on_paper(call: Call, user: User) -> Response:
    """GET /admin/users/{id}/statement: JSON and HTML by the day, CSV with every single entry."""
    query = Query(call, "month", "format")
    wanted, form = month(query.text("month")), query.one_of("format", FORMATS) or "json"
    found = await statement(call.gateway.store, user.id, wanted)
    currency = call.gateway.manifest.gateway.currency
    if form == "csv":
        return replies.download(as_csv(call, user, found), "text/csv; charset=utf-8", f"statement-{wanted.name}.csv")
    if form == "html":
        return replies.page(paper(user, found, currency))
    return call.answer(as_json(user, found, currency))
