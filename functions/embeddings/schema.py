"""What an embeddings request says, and how its answer is read for billing (OpenAI's "Create embeddings")."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.errors import BadRequest
from infra.metering import fields
from infra.metering.ask import Ask, Piece
from infra.metering.usage import Usage, openai_usage

INPUTS_MAX = 2048
"""OpenAI's own limit."""


def parse(body: dict[str, Any]) -> Ask:
    """Reads an embeddings request; raises BadRequest with the field in `param`."""
    model = fields.text(body, "model")
    inputs, text_bytes, tokens = _inputs(body)
    if body.get("encoding_format") is not None:
        fields.one_of(body["encoding_format"], "encoding_format", ("float", "base64"))
    fields.whole(body, "dimensions", least=1, most=65_536)
    return Ask(
        task="embedding",
        model=model,
        body=body,
        tier=fields.tier(body),
        prompt_bound=text_bytes + tokens + inputs * 16,
        prompt_estimate=max(1, text_bytes // 4 + tokens),
    )


def _inputs(body: Mapping[str, Any]) -> tuple[int, int, int]:
    """How many inputs, the bytes of their text, and the tokens of those that came as tokens."""
    found = body.get("input")
    if found is None:
        raise BadRequest("Missing required parameter: 'input'.", param="input")
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list):
        raise fields.wrong_type("input", "a string, an array of strings or of tokens", found)
    if found and all(type(item) is int for item in found):
        return 1, 0, len(found)
    if not 0 < len(found) <= INPUTS_MAX:
        raise BadRequest(f"Invalid 'input': expected 1 to {INPUTS_MAX} inputs, found {len(found)}.", param="input")
    if all(isinstance(item, str) for item in found):
        if not all(found):
            raise BadRequest("Invalid 'input': an empty string has no embedding.", param="input")
        return len(found), sum(len(item.encode()) for item in found), 0
    if all(isinstance(item, list) and item and all(type(token) is int for token in item) for item in found):
        return len(found), 0, sum(len(item) for item in found)
    raise BadRequest("Invalid 'input': expected strings or arrays of token numbers, not a mix.", param="input")


class EmbeddingReading:
    """Reads embeddings answers: only what went in counts."""

    meters = ("input",)

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        """OpenAI's usage object, which has no completion tokens here."""
        return openai_usage(answer)

    def pieces(self, answer: Mapping[str, Any]) -> Iterator[Piece]:
        """Vectors are no text."""
        return iter(())


READING = EmbeddingReading()
