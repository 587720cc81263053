"""What callers see of themselves."""

from typing import Literal

from infra.openapi.operation import DAYS, KEY, LOG, PAGE, Operation
from infra.openapi.shapes import BillLine, Money, Nano, OwnRequest, Rates, Shape, Time, Usage


class OwnKey(Shape):
    """One of the caller's keys."""

    id: str
    name: str
    key_prefix: str
    active: bool
    limits: Rates
    models: list[str] | None
    expires_at: Time | None
    created_at: Time
    last_used_at: Time | None


class Account(Shape):
    """The caller's account; `held` is a part of `balance`, `free` the rest, `key` the one that asks."""

    object: Literal["account"]
    id: str
    username: str
    currency: str
    balance: Money
    balance_nano: Nano
    held: Money
    held_nano: Nano
    free: Money
    free_nano: Nano
    limits: Rates
    created_at: Time
    key: str
    keys: list[OwnKey]


class OwnBilledRequest(OwnRequest, kw_only=True):
    """With its bill, meter by meter."""

    cost: list[BillLine]


OPERATIONS = {
    "GET /v1/account": Operation(answer=Account),
    "GET /v1/account/usage": Operation(answer=Usage, query={"days": DAYS}),
    "GET /v1/account/requests": Operation(
        answer=OwnRequest, listed=True, query={"key": KEY, **LOG, **PAGE}, errors=(404,)
    ),
    "GET /v1/account/requests/{id}": Operation(answer=OwnBilledRequest, errors=(404,)),
}
