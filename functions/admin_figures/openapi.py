"""What charts are made of."""

from typing import Literal

import msgspec

from infra.openapi.operation import FROM, KEY, TO, USER, Field, Operation, choice
from infra.openapi.shapes import Shape, Sums


class Point(Sums, kw_only=True):
    """One hour or day."""

    at: str


class Line(Shape):
    """One line of a chart."""

    id: str
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
    "POST /admin/figures/rebuild": Operation(answer=Rebuilding, status=202),
}
