"""What the caller sends, the chat that is made of it, and how the backend's answer is read for the bill."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from infra.metering import fields
from infra.metering.ask import Ask, Piece
from infra.metering.usage import Usage, openai_usage

INSTRUCTION = "Summarise the text of the user in three sentences, in the language of the text."
SUMMARY_TOKENS_MAX = 300


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """The body of the request; anything else is a 400 that names the field."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Annotated[str, msgspec.Meta(min_length=1)]


def chat(wanted: Wanted) -> Ask:
    """The chat request for the backend, and what it can cost at most."""
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": wanted.text}]
    size = fields.size(messages)  # a token is at least a byte, so this many bytes are a bound
    return Ask(
        task="chat",
        model=wanted.model,
        body={"model": wanted.model, "messages": messages},
        prompt_bound=size + fields.PROMPT_ALLOWANCE_TOKENS,
        prompt_estimate=max(1, size // 4),
        output_asked=SUMMARY_TOKENS_MAX,
        output_field="max_tokens",
    )


class SummaryReading:
    """Reads a chat answer: its usage is the bill, its text is counted where there is no usage."""

    meters = ("input", "output")

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        """OpenAI's usage object; None where the backend sent none to believe."""
        return openai_usage(answer)

    def pieces(self, answer: Mapping[str, Any]) -> Iterator[Piece]:
        """The text of every choice."""
        for choice in answer.get("choices") or []:
            if text := (choice.get("message") or {}).get("content"):
                yield Piece(choice.get("index", 0), text)


READING = SummaryReading()
