"""What usage and statements look like."""

from typing import Literal

import msgspec

from infra.openapi.operation import Field, Operation, choice
from infra.openapi.shapes import Costs, Money, Nano, Shape, Time


class CostOfDay(Costs, kw_only=True):
    """One day."""

    day: str


class CostOfModel(Costs, kw_only=True):
    """One model."""

    model: str


class CostOfKey(Costs, kw_only=True):
    """One key."""

    key: str
    name: str | None


class UserUsage(Costs, kw_only=True):
    """Sums over the period."""

    object: Literal["usage"]
    user_id: str
    username: str
    currency: str
    period_days: int
    by_day: list[CostOfDay]
    by_model: list[CostOfModel]
    by_key: list[CostOfKey]


class StatementItem(Shape):
    """A day's requests to one model, or money that was moved by hand; what leaves the account is negative."""

    at: Time
    kind: Literal["usage", "topup", "refund", "adjustment"]
    text: str
    requests: int
    amount: Money
    amount_nano: Nano
    balance: Money
    balance_nano: Nano


class StatementTotal(Shape):
    """What one kind adds up to."""

    amount: Money
    amount_nano: Nano


class Statement(Shape):
    """A month: `opening` and the amounts of `items` add up to `closing`."""

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
    totals: dict[str, StatementTotal]
    entries: int
    items: list[StatementItem]


DAYS = Field("UTC days, today included.", {"type": "integer", "minimum": 1, "maximum": 366})
MONTH = Field("A month, UTC, as 2026-11; this one unless told.")

OPERATIONS = {
    "GET /admin/users/{id}/usage": Operation(answer=UserUsage, query={"days": DAYS}, errors=(404,)),
    "GET /admin/users/{id}/statement": Operation(
        answer=Statement,
        media=("text/csv", "text/html"),
        query={
            "month": MONTH,
            "format": choice("JSON and a page by the day, CSV by the entry.", "json", "csv", "html"),
        },
        errors=(404,),
    ),
}
