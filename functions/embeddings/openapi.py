"""OpenAI's embeddings, as far as the gateway itself looks at them."""

from typing import Any

from infra.openapi.operation import Operation
from infra.openapi.shapes import Shape


class Texts(Shape):
    """What is needed; other fields go to the backend as it takes them."""

    model: str
    input: str | list[Any]
    encoding_format: str | None = None


class Embeddings(Shape):
    """One vector for each text; `usage.cost` is what was charged."""

    object: str
    data: list[dict[str, Any]]
    model: str
    usage: dict[str, Any]


OPERATIONS = {
    "POST /v1/embeddings": Operation(answer=Embeddings, body=Texts, errors=(402, 404, 409, 422, 502, 503, 504))
}
