"""What is on sale."""

from quart import Response

from functions.models.schema import shown, unknown
from infra.runtime.call import Call
from infra.runtime.market import on_sale


async def handle(call: Call) -> Response:
    """All models, or one. Raises ModelUnknown 404, for a model that this key may not use as for one that is not."""
    sold = on_sale(call.gateway, call.user.models)
    if "id" not in call.params:
        return call.answer({"object": "list", "data": [shown(ware, call.gateway) for ware in sold.values()]})
    ware = sold.get(call.params["id"])
    if ware is None:
        raise unknown(call.params["id"])
    return call.answer(shown(ware, call.gateway))
