"""What requests look like to the owner."""

from infra.openapi.operation import KEY, LOG, PAGE, USER, Field, Operation, choice
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


FILTERS = {"user": USER, "backend": Field("The backend that answered."), "key": KEY, **LOG}
FORMAT = choice("How the file is written.", "csv", "jsonl")

OPERATIONS = {
    "GET /admin/requests": Operation(answer=Request, listed=True, query={**FILTERS, **PAGE}, errors=(404,)),
    "GET /admin/requests/export": Operation(
        answer="text/csv", media=("application/x-ndjson",), query={**FILTERS, "format": FORMAT}, errors=(404,)
    ),
    "GET /admin/requests/{id}": Operation(answer=BilledRequest, errors=(404,)),
}
