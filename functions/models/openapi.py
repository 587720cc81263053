"""What callers see of models."""

from typing import Literal

from infra.openapi.operation import Operation
from infra.openapi.shapes import Shape, Time


class Model(Shape):
    """A model on sale; prices per token (or other unit) are exact decimals as text."""

    id: str
    object: Literal["model"]
    created: Time
    owned_by: str
    context_length: int | None
    max_output: int | None
    pricing: dict[str, str]
    endpoint_pricing: dict[str, dict[str, str]]
    service_tiers: dict[str, str]
    capabilities: list[str]
    endpoints: list[str]


class Models(Shape):
    """All that this key may use."""

    object: Literal["list"]
    data: list[Model]


OPERATIONS = {
    "GET /v1/models": Operation(answer=Models),
    "GET /v1/models/{id:path}": Operation(answer=Model, errors=(404,)),
}
