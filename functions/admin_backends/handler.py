"""The backends as the owner sees them, and what happened to each."""

from quart import Response

from functions.admin_backends.schema import backend, event
from infra.errors import NotFound
from infra.journal import views
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, NotFound 404 for a backend of which nothing is known."""
    return await (events(call) if "name" in call.params else show_all(call))


async def show_all(call: Call) -> Response:
    """Every backend; after a look at each of them where that is asked for."""
    Query(call)
    if call.method == "POST":
        await call.gateway.pool.probe_all()
    hour = await call.gateway.journal.recently.of_backends()
    return call.answer(views.listing(backend(state, hour(state.name)) for state in call.gateway.pool.states()))


async def events(call: Call) -> Response:
    """GET /admin/backends/{name}/events?limit=&cursor=."""
    query, name = Query(call, "limit", "cursor"), call.params["name"]
    if name not in call.gateway.manifest.backends:
        raise NotFound(f"There is no backend {name[:80]!r}.")
    page = await call.gateway.journal.events_of(name, query.text("cursor"), query.limit())
    return call.answer(views.listing(map(event, page.rows), page.next))
