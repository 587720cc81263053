"""Charts, and the sums behind them."""

from quart import Response

from functions.admin_figures import margins
from functions.admin_figures.schema import asked, shown
from infra.rollups.roller import Roller
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, NotFound 404."""
    return await DO.get(call.path.rpartition("/")[2], series)(call)


async def series(call: Call) -> Response:
    """GET /admin/series."""
    wanted = await asked(call)
    return call.answer(shown(wanted, await call.gateway.journal.series(wanted)))


async def rebuild(call: Call) -> Response:
    """POST /admin/figures/rebuild: answers at once; the figures are right meanwhile, only slower."""
    Query(call)
    await Roller(call.gateway.store).forget()
    await call.audit("figures.rebuild", "figures")
    return call.answer({"object": "figures", "rebuilding": True}, 202)


DO = {"rebuild": rebuild, "margins": margins.show}
