"""What health looks like."""

from typing import Literal

from infra.openapi.operation import Operation
from infra.openapi.shapes import Shape


class Alive(Shape):
    """The process answers."""

    status: Literal["ok"]


class Health(Shape):
    """Whether it serves, and what is wrong in sentences."""

    status: Literal["ok", "degraded"]
    ready: bool
    wrong: list[str]


OPERATIONS = {
    "GET /health": Operation(answer=Health),
    "GET /health/live": Operation(answer=Alive),
    "GET /health/ready": Operation(answer=Health, also=(503,)),
}
