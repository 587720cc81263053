"""What running requests look like."""

from typing import Literal

from functions.admin_live.schema import Stop
from infra.openapi.operation import Operation
from infra.openapi.shapes import Millis, Money, Nano, Shape


class Running(Shape):
    """One request in flight or in a queue."""

    id: str
    user_id: str
    username: str
    key_prefix: str
    model: str
    endpoint: str
    tier: str
    stream: bool
    backend: str | None
    stage: Literal["queued", "waiting", "streaming"]
    place: int | None
    eta_seconds: int | None
    age_ms: Millis
    input_tokens: int
    output_tokens: int
    cost: Money
    cost_nano: Nano


class Board(Shape):
    """All of them, with the counts of all processes."""

    object: Literal["list"]
    data: list[Running]
    next: None
    running: int
    queued: int


class Stopped(Shape):
    """What came of a stop."""

    id: str
    stopped: bool
    username: str
    model: str
    output_tokens: int
    charged: Money
    charged_nano: Nano
    reason: str


OPERATIONS = {
    "GET /admin/live": Operation(answer=Board),
    "POST /admin/live/{id}/stop": Operation(answer=Stopped, body=Stop, errors=(404,)),
}
