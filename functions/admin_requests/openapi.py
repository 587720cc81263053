"""What requests look like to the owner."""

from infra.openapi.operation import KEY, LOG, PAGE, USER, Operation
from infra.openapi.shapes import BillLine, Money, Nano, OwnRequest


class Request(OwnRequest, kw_only=True):
    """A request with the house behind it."""

    user_id: str
    username: str | None
    backend: str | None
    upstream: str | None
    price_id: str | None
    held: Money
    held_nano: Nano
    shortfall: Money
    shortfall_nano: Nano


class BilledRequest(Request, kw_only=True):
    """With its bill, meter by meter."""

    cost: list[BillLine]


OPERATIONS = {
    "GET /admin/requests": Operation(
        answer=Request, listed=True, query={"user": USER, "key": KEY, **LOG, **PAGE}, errors=(404,)
    ),
    "GET /admin/requests/{id}": Operation(answer=BilledRequest, errors=(404,)),
}
