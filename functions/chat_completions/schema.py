"""What a chat request says, and how its answers are read for billing.

Fields after OpenAI's reference of "Create chat completion"; what is not read here is the backend's adapter's to take
or refuse.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.errors import BadRequest
from infra.metering import fields
from infra.metering.ask import Ask, Piece
from infra.metering.usage import Usage, openai_usage

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
OUTPUT_MAX = 10_000_000
ANSWERS_MAX = 128
PROMPT_FIELDS = ("messages", "tools", "functions", "response_format", "chat_template_kwargs", "grammar", "json_schema")
"""What may end up in the prompt."""


def parse(body: dict[str, Any]) -> Ask:
    """Reads a chat request; raises BadRequest with the field in `param`."""
    model = fields.text(body, "model")
    media = sum(_message(message, position) for position, message in enumerate(fields.array(body, "messages")))
    stream = fields.flag(body, "stream")
    wants_usage = fields.usage_wanted(body, stream)
    fields.sampling(body)
    if body.get("tools") is not None:
        fields.array(body, "tools")
    fields.mapping(body, "response_format")
    limit, asked = _limit(body)
    text_bytes = sum(fields.size(_without_media(body[name])) for name in PROMPT_FIELDS if body.get(name) is not None)
    return Ask(
        task="chat",
        model=model,
        body=body,
        stream=stream,
        tier=fields.tier(body),
        wants_usage=wants_usage,
        answers=fields.whole(body, "n", least=1, most=ANSWERS_MAX) or 1,
        prompt_bound=text_bytes + fields.PROMPT_ALLOWANCE_TOKENS + media * fields.IMAGE_TOKENS_MAX,
        prompt_estimate=max(1, text_bytes // 4),
        output_asked=asked,
        output_field=limit,
    )


def _limit(body: dict[str, Any]) -> tuple[str, int | None]:
    """The field that limits the output, by the newer name where the caller uses it, and its value."""
    newer = fields.whole(body, "max_completion_tokens", least=1, most=OUTPUT_MAX)
    older = fields.whole(body, "max_tokens", least=1, most=OUTPUT_MAX)
    if newer is None:
        return "max_tokens", older
    body.pop("max_tokens", None)  # one limit goes to the backend, so that the other cannot win there
    return "max_completion_tokens", newer if older is None else min(newer, older)


def _message(message: Any, position: int) -> int:
    """Checks a message as far as backends do not, and counts its media parts."""
    name = f"messages[{position}]"
    if not isinstance(message, dict):
        raise fields.wrong_type(name, "an object", message)
    if "role" not in message:
        raise BadRequest(f"Missing required parameter: '{name}.role'.", param=f"{name}.role")
    fields.one_of(message["role"], f"{name}.role", ROLES)
    content = message.get("content")
    if content is None or isinstance(content, str):
        return 0
    if not isinstance(content, list):
        raise fields.wrong_type(f"{name}.content", "a string or an array of parts", content)
    for number, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise BadRequest(
                f"Invalid '{name}.content[{number}]': expected a part with a 'type'.", param=f"{name}.content"
            )
    return sum(part["type"] != "text" for part in content)


def _without_media(value: Any) -> Any:
    """The same without the payload of data: URLs and base64 parts, which are no text of the prompt."""
    if isinstance(value, list):
        return [_without_media(item) for item in value]
    if isinstance(value, dict) and value.get("type") in ("image_url", "input_audio", "file", "video_url", "image"):
        return {"type": value["type"]}
    if isinstance(value, dict) and isinstance(value.get("content"), list):
        return {**value, "content": _without_media(value["content"])}
    return value


class ChatReading:
    """Reads chat answers and the events of chat streams."""

    meters = ("input", "output")

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        """OpenAI's usage object."""
        return openai_usage(answer)

    def pieces(self, answer: Mapping[str, Any]) -> Iterator[Piece]:
        """One piece per choice that delivers anything: text, thinking, a refusal, a part of a tool call."""
        choices = answer.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            said = choice.get("delta") or choice.get("message")
            text = _text(said) if isinstance(said, dict) else ""
            if text:
                index = choice.get("index")
                yield Piece(index if type(index) is int else 0, text)


def _text(message: dict[str, Any]) -> str:
    """All that a message or delta says; nearly every event of a stream says content and nothing else."""
    content = message.get("content")
    if type(content) is str and len(message) == 1:
        return content
    return "".join(_said(message))


def _said(message: Mapping[str, Any]) -> Iterator[str]:
    for name in ("reasoning_content", "reasoning", "content", "refusal"):
        if isinstance(value := message.get(name), str):
            yield value
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            yield from (value for name in ("name", "arguments") if isinstance(value := function.get(name), str))


READING = ChatReading()
