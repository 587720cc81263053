"""OpenAI's chat completion, as far as the gateway itself looks at it; OpenAI's reference has the rest."""

from typing import Any

from infra.openapi.operation import EVENT_STREAM, Operation
from infra.openapi.shapes import Anything, Shape


class Chat(Shape):
    """What is needed; other fields go to the backend as it takes them."""

    model: str
    messages: list[Anything]
    stream: bool | None = None
    max_tokens: int | None = None


class ChatAnswer(Shape):
    """The whole answer; `usage.cost` is what was charged."""

    id: str
    object: str
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any]


OPERATIONS = {
    "POST /v1/chat/completions": Operation(
        answer=ChatAnswer, media=(EVENT_STREAM,), body=Chat, errors=(402, 404, 409, 422, 502, 503, 504)
    )
}
