"""POST /admin/prices/preview: what a price would have meant on the traffic of the last days."""

from decimal import Decimal

import msgspec
from quart import Response

from functions.admin_models.schema import PutModel, prices
from infra.config.faults import did_you_mean
from infra.config.shown import show_prices
from infra.errors import BadRequest
from infra.journal import views
from infra.journal.preview import TooDear, preview
from infra.runtime.call import Call
from infra.store.clock import SECOND_US, now_us
from infra.units import DAYS

DAYS_MAX = 366


class PreviewPrice(msgspec.Struct, forbid_unknown_fields=True):
    """The price as at POST /admin/models; meters that are left out cost what they cost now."""

    model: str
    endpoint: str | None = None
    price: dict[str, str | float | None] = msgspec.field(default_factory=dict)
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    days: int = 30


async def previewed(call: Call) -> Response:
    """Changes nothing. Raises BadRequest, NotFound."""
    said = await call.read(PreviewPrice)
    if not 1 <= said.days <= DAYS_MAX:
        raise BadRequest(f"days must be from 1 to {DAYS_MAX}.", param="days")
    before = call.gateway.catalogue.listed(said.model)
    asked = PutModel(id=said.model, price=said.price, price_in=said.price_in, price_out=said.price_out)
    wanted = prices(asked, before.price)
    if wanted is None:
        raise BadRequest("Say a price: price_in, price_out or price.", param="price")
    own = _own_prices(call, said.model, said.endpoint)
    since = now_us() - said.days * DAYS * SECOND_US
    try:
        found = await preview(call.gateway.store, said.model, wanted, since, said.endpoint, own)
    except TooDear:
        raise BadRequest("At that price a request would cost more than can be counted.", param="price") from None
    return call.answer(
        {
            "object": "price_preview",
            "model": said.model,
            "endpoint": said.endpoint,
            "days": said.days,
            "price": show_prices(wanted),
            "requests": found.requests,
            "input_tokens": found.input_tokens,
            "output_tokens": found.output_tokens,
            **views.money("charged", found.charged_nano),
            **views.money("would_be", found.would_be_nano),
            **views.money("difference", found.would_be_nano - found.charged_nano),
            "exact": True,
        }
    )


def _own_prices(call: Call, model: str, endpoint: str | None) -> list[str]:
    """Endpoints where gateway.yaml gives this model a price of its own."""
    endpoints = call.gateway.manifest.endpoints
    names = [each.name for each in endpoints]
    if endpoint is not None and endpoint not in names:
        raise BadRequest(f"{endpoint[:40]!r} is no endpoint{did_you_mean(endpoint[:40], names)}.", param="endpoint")
    return [each.name for each in endpoints if each.models is not None and each.models.get(model) is not None]
