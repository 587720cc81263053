"""The backends as the owner sees them, and what happened to each."""

import asyncio

from quart import Response

from functions.admin_backends.schema import Switch, backend, event
from infra.errors import NotFound
from infra.journal import views
from infra.runtime import drains
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, NotFound 404 for a backend of which nothing is known."""
    if call.method == "PATCH":
        # An admin who leaves in the middle stops neither the change nor its line in the audit log.
        return await asyncio.shield(call.gateway.spawn(switch(call), name=f"admin-{call.id}"))
    return await (events(call) if "name" in call.params else show_all(call))


async def show_all(call: Call) -> Response:
    """Every backend; after a look at each of them where that is asked for."""
    Query(call)
    if call.method == "POST":
        await call.gateway.pool.probe_all()
    hour = await call.gateway.journal.recently.of_backends()
    return call.answer(views.listing(backend(state, hour(state.name)) for state in call.gateway.pool.states()))


async def switch(call: Call) -> Response:
    """PATCH /admin/backends/{name} {"drain"}: what runs finishes, and nothing new is sent while it is drained."""
    wanted, name = await call.read(Switch), call.params["name"]
    if name not in call.gateway.manifest.backends:
        raise NotFound(f"There is no backend {name[:80]!r}.")
    if await drains.switch(call.gateway, name, wanted.drain):
        await call.audit("backend.drain" if wanted.drain else "backend.undrain", name)
    hour = await call.gateway.journal.recently.of_backends()
    state = next((state for state in call.gateway.pool.states() if state.name == name), None)
    return call.answer({"name": name, "draining": wanted.drain} if state is None else backend(state, hour(name)))


async def events(call: Call) -> Response:
    """GET /admin/backends/{name}/events?limit=&cursor=."""
    query, name = Query(call, "limit", "cursor"), call.params["name"]
    if name not in call.gateway.manifest.backends:
        raise NotFound(f"There is no backend {name[:80]!r}.")
    page = await call.gateway.journal.events_of(name, query.text("cursor"), query.limit())
    return call.answer(views.listing(map(event, page.rows), page.next))
