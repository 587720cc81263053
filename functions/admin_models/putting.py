"""POST /admin/models: a new model, another place for it, or another price."""

from dataclasses import dataclass

from msgspec import UnsetType
from quart import Response

from functions.admin_models.schema import PutModel, checked, prices, view
from functions.admin_models.targets import needed, targets
from infra.catalogue.offer import Listed
from infra.config import fallbacks
from infra.config.objects import Target
from infra.errors import BadRequest
from infra.metering.price import PriceList
from infra.runtime.call import Call


async def put(call: Call) -> Response:
    """What is left out stays as it is; a change of the price alone leaves the model to gateway.yaml."""
    wanted, gateway = checked(await call.read(PutModel)), call.gateway
    before = gateway.catalogue.listed(wanted.id) if wanted.id in gateway.catalogue.ids() else None
    where = targets(wanted, gateway.manifest.backends)
    price = prices(wanted, before.price if before is not None else PriceList())
    if before is None:
        if where is None:
            raise needed(gateway.manifest.backends)
        if price is None:
            raise BadRequest("A new model needs price_in and price_out: free is an explicit 0.", param="price_in")
    _check_fallback(call, wanted, price or (before.price if before is not None else PriceList()))
    after = await _written(call, wanted, before, where, price)
    if before is None or view(after) != view(before):
        action = "model.create" if before is None else "price.set" if _same_place(before, after) else "model.change"
        await call.audit(action, wanted.id, None if before is None else view(before), view(after))
    return call.answer(view(after), 201 if before is None else 200)


async def _written(
    call: Call, wanted: PutModel, before: Listed | None, where: tuple[Target, ...] | None, price: PriceList | None
) -> Listed:
    catalogue = call.gateway.catalogue
    limit = wanted.max_output if isinstance(wanted.max_output, int) else None
    fallback = None if isinstance(wanted.fallback, UnsetType) else wanted.fallback
    if before is None:
        return await catalogue.put_model(wanted.id, where or (), limit, price, call.actor, fallback)
    if not isinstance(wanted.max_output, int | None):
        limit = before.max_output
    if isinstance(wanted.fallback, UnsetType):
        fallback = before.fallback
    if where in (None, before.targets) and (limit, fallback) == (before.max_output, before.fallback):
        return before if price is None else await catalogue.set_price(wanted.id, price, call.actor)
    return await catalogue.put_model(wanted.id, where or before.targets, limit, price, call.actor, fallback)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The model as it would be."""

    price: PriceList
    fallback: str | None


def _check_fallback(call: Call, wanted: PutModel, price: PriceList) -> None:
    """Raises BadRequest where the fallback that was asked for cannot be one."""
    if not isinstance(wanted.fallback, str):
        return
    catalogue = call.gateway.catalogue
    models: dict[str, fallbacks.Sold] = {id: catalogue.listed(id) for id in catalogue.ids()}
    wrong = fallbacks.fault(wanted.id, wanted.fallback, {**models, wanted.id: _Wanted(price, wanted.fallback)})
    if wrong is not None:
        raise BadRequest(f"fallback: {wrong}.", param="fallback")


def _same_place(before: Listed, after: Listed) -> bool:
    return (before.targets, before.max_output, before.fallback) == (after.targets, after.max_output, after.fallback)
