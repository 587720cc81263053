"""What usage and statements of one user look like."""

from typing import Literal

import msgspec

from infra.openapi.operation import DAYS, Field, Operation, choice
from infra.openapi.shapes import Money, Nano, Shape, Time, Usage


class UsageOf(Usage, kw_only=True):
    """What a user used."""

    user_id: str
    username: str


class Amount(Shape):
    """An amount."""

    amount: Money
    amount_nano: Nano


class Item(Shape):
    """A day's requests to one model, or one movement by hand, with the balance after it."""

    at: Time
    kind: str
    text: str
    requests: int
    amount: Money
    amount_nano: Nano
    balance: Money
    balance_nano: Nano


class Statement(Shape):
    """A month of one account; `opening` and the amounts of `items` add up to `closing`."""

    object: Literal["statement"]
    user_id: str
    username: str
    month: str
    currency: str
    from_: str = msgspec.field(name="from")
    to: str
    opening: Money
    opening_nano: Nano
    closing: Money
    closing_nano: Nano
    totals: dict[str, Amount]
    entries: int
    items: list[Item]


QUERY = {
    "month": Field("As 2026-11; this month unless told."),
    "format": choice("json unless told; html is a page to print.", "json", "csv", "html"),
}

OPERATIONS = {
    "GET /admin/users/{id}/usage": Operation(answer=UsageOf, query={"days": DAYS}, errors=(404,)),
    "GET /admin/users/{id}/statement": Operation(
        answer=Statement, media=("text/csv", "text/html"), query=QUERY, errors=(404,)
    ),
}
