"""OpenAI's legacy completion, as far as the gateway itself looks at it; OpenAI's reference has the rest."""

from typing import Any

from infra.openapi.operation import EVENT_STREAM, Operation
from infra.openapi.shapes import Shape


class Completion(Shape):
    """What is needed; other fields go to the backend as it takes them."""

    model: str
    prompt: str | list[Any]
    stream: bool | None = None
    max_tokens: int | None = None


class CompletionAnswer(Shape):
    """The whole answer; `usage.cost` is what was charged."""

    id: str
    object: str
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any]


OPERATIONS = {
    "POST /v1/completions": Operation(
        answer=CompletionAnswer, media=(EVENT_STREAM,), body=Completion, errors=(402, 404, 409, 422, 502, 503, 504)
    )
}
