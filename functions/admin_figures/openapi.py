"""What charts are made of."""

from typing import Literal

import msgspec

from infra.openapi.operation import FROM, KEY, TO, USER, Field, Operation, choice
from infra.openapi.shapes import Money, Nano, Price, Shape, Sums


class Point(Sums, kw_only=True):
    """One hour or day."""

    at: str


class Line(Shape):
    """One line of a chart."""

    id: str | None
    name: str
    points: list[Point]


class Series(Shape):
    """The ten largest and the rest; every point is there, also with zeros."""

    object: Literal["series"]
    step: Literal["hour", "day"]
    by: str
    from_: str = msgspec.field(name="from")
    to: str
    series: list[Line]


class Rebuilding(Shape):
    """It has begun."""

    object: Literal["figures"]
    rebuilding: bool


class Margin(Sums, kw_only=True):
    """One model on one backend; null where watts, the price of a kWh or a measurement is missing."""

    backend: str
    model: str
    watts: int | None
    tokens_per_second: float | None
    busy_seconds: int
    cost: Money | None
    cost_nano: Nano | None
    margin: Money | None
    margin_nano: Nano | None
    margin_percent: float | None
    cost_per_million: Money | None
    cost_per_million_nano: Nano | None
    revenue_per_million: Money | None
    revenue_per_million_nano: Nano | None
    price: dict[str, Price]


class Margins(Shape):
    """The most revenue first."""

    object: Literal["list"]
    data: list[Margin]
    next: None
    days: int
    currency: str
    electricity: Money | None
    electricity_nano: Nano | None


DAYS = Field("UTC days, today included.", {"type": "integer", "minimum": 1, "maximum": 366})
QUERY = {
    "step": choice("The width of a point.", "hour", "day"),
    "by": choice("One line for each.", "none", "model", "user", "key", "backend"),
    "from": FROM,
    "to": TO,
    "user": USER,
    "key": KEY,
    "model": Field("Of this model alone."),
    "backend": Field("Of this backend alone."),
    "endpoint": Field("Of this endpoint alone."),
}

OPERATIONS = {
    "GET /admin/series": Operation(answer=Series, query=QUERY, errors=(404,)),
    "GET /admin/margins": Operation(answer=Margins, query={"days": DAYS}),
    "POST /admin/figures/rebuild": Operation(answer=Rebuilding, status=202),
}
