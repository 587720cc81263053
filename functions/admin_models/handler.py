"""Declaring, pricing and removing models."""

import asyncio

from quart import Response

from functions.admin_models.previewing import previewed
from functions.admin_models.putting import put
from functions.admin_models.schema import as_list, price_view, view
from infra.errors import NotFound
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.models import PriceVersion


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, NotFound 404 ("did you mean")."""
    last = call.path.rpartition("/")[2]
    place = "one" if "id" in call.params else last if last in ("prices", "preview") else "all"
    do = DO[call.method.replace("HEAD", "GET"), place]
    # An admin who leaves in the middle stops neither a change nor its line in the audit log.
    return await asyncio.shield(call.gateway.spawn(do(call), name=f"admin-{call.id}"))


async def show_all(call: Call) -> Response:
    """GET /admin/models, in the order of gateway.yaml, then the owner's."""
    catalogue = call.gateway.catalogue
    return call.answer(as_list(view(catalogue.listed(id)) for id in catalogue.ids()))


async def show(call: Call) -> Response:
    """GET /admin/models/{id:path}."""
    return call.answer(view(call.gateway.catalogue.listed(call.params["id"])))


async def remove(call: Call) -> Response:
    """DELETE /admin/models/{id:path}: the model as it is then, the file's again or no longer active."""
    catalogue, id = call.gateway.catalogue, call.params["id"]
    before = catalogue.listed(id)
    await catalogue.remove(id, call.actor)
    after = view(catalogue.listed(id)) if id in catalogue.ids() else view(before, active=False)
    await call.audit("model.remove", id, view(before), after)
    return call.answer(after)


async def show_prices(call: Call) -> Response:
    """GET /admin/prices?model=, newest first."""
    catalogue, model = call.gateway.catalogue, Query(call, "model").text("model")
    if not model:
        versions = await PriceVersion.all().order_by("-created_us", "-version")
    else:
        versions = await catalogue.prices(model)
    if model and not versions:
        catalogue.listed(model)  # a removed model keeps its history; one that never was is 404 with a hint
        raise NotFound(f"The model {model!r} has no price yet.")
    return call.answer(as_list(price_view(version) for version in versions))


DO = {("GET", "all"): show_all, ("POST", "all"): put, ("GET", "one"): show, ("DELETE", "one"): remove}
DO |= {("GET", "prices"): show_prices, ("POST", "preview"): previewed}
