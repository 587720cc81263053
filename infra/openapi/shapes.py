"""Shapes that answers of several functions have in common."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Money = Annotated[float, Meta(description="An exact decimal in the gateway's currency.")]
Nano = Annotated[int, Meta(description="The same amount in nano-units (10⁻⁹).")]
Time = Annotated[int, Meta(description="Epoch seconds.")]
Millis = Annotated[int, Meta(description="Milliseconds.")]
Price = Annotated[str, Meta(description="As gateway.yaml writes it: 1.00/1M.")]


class Shape(msgspec.Struct, kw_only=True):
    """What all shapes of answers are made of: every field is there, also where it is null."""


class Fault(Shape):
    """What went wrong, in OpenAI's shape."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(Shape):
    """Every error."""

    error: Fault


class Rates(Shape):
    """Limits of a key or a user; null is unlimited."""

    requests: str | None
    tokens: str | None
    concurrent: int | None


class Sums(Shape):
    """What requests added up to; revenue is what was charged less what was refunded."""

    revenue: Money
    revenue_nano: Nano
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int


class Costs(Shape):
    """The same for the caller."""

    cost: Money
    cost_nano: Nano
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int


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


class Usage(Costs, kw_only=True):
    """Sums over the period."""

    object: Literal["usage"]
    currency: str
    period_days: int
    by_day: list[CostOfDay]
    by_model: list[CostOfModel]
    by_key: list[CostOfKey]


class OwnRequest(Shape):
    """A request as its caller sees it; milliseconds count from its arrival."""

    id: str
    state: Literal["HELD", "STREAMING", "SETTLED", "VOID"]
    key_id: str
    key_name: str | None
    endpoint: str
    model: str
    served_model: str | None
    tier: str
    price_factor: str
    stream: bool
    status: int | None
    error_code: str | None
    error: str | None
    input_tokens: int
    output_tokens: int
    basis: str | None
    units: dict[str, int]
    charged: Money
    charged_nano: Nano
    refunded: Money
    refunded_nano: Nano
    created_at: Time
    finished_at: Time | None
    waited_ms: Millis | None
    first_byte_ms: Millis | None
    duration_ms: Millis | None


class BillLine(Shape):
    """One meter of a bill."""

    meter: str
    units: int
    price: Price
    amount: Money
    amount_nano: Nano


class Standing(Shape):
    """A process that stands still, and how many of a backend's slots it keeps."""

    pid: int
    slots: int


class BackendBrief(Shape):
    """A backend's health and load; `up` is null before the first look."""

    name: str
    up: bool | None
    why: str | None
    slots: int
    busy: int
    queued: int
    standing: list[Standing]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object, or no body at all."""


Anything = dict[str, Any]
