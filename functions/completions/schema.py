"""What a text completion request says, and how its answers are read for billing (OpenAI's "Create completion")."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.errors import BadRequest, UnsupportedParameter
from infra.metering import fields
from infra.metering.ask import Ask, Piece
from infra.metering.usage import Usage, openai_usage

OUTPUT_MAX = 10_000_000
ANSWERS_MAX = 128
PROMPTS_MAX = 256


def parse(body: dict[str, Any]) -> Ask:
    """Reads a completion request; raises BadRequest with the field in `param`."""
    model = fields.text(body, "model")
    prompts, text_bytes, exact = _prompts(body)
    stream = fields.flag(body, "stream")
    wants_usage = fields.usage_wanted(body, stream)
    fields.sampling(body)
    count = fields.whole(body, "n", least=1, most=ANSWERS_MAX) or 1
    best_of = fields.whole(body, "best_of", least=1, most=ANSWERS_MAX)
    if best_of is not None and best_of > count:
        raise UnsupportedParameter(
            "'best_of' above 'n' produces answers that nobody sees: ask for 'n'.", param="best_of"
        )
    body.pop("best_of", None)
    suffix = body.get("suffix")
    if suffix is not None and not isinstance(suffix, str):
        raise fields.wrong_type("suffix", "a string", suffix)
    text_bytes += len((suffix or "").encode("utf-8", "surrogatepass"))
    return Ask(
        task="completion",
        model=model,
        body=body,
        stream=stream,
        tier=fields.tier(body),
        wants_usage=wants_usage,
        answers=prompts * count,
        prompt_bound=text_bytes + prompts * (exact + 16),
        prompt_estimate=max(1, text_bytes // 4 + prompts * exact),
        output_asked=fields.whole(body, "max_tokens", least=1, most=OUTPUT_MAX),
        output_field="max_tokens",
    )


def _prompts(body: Mapping[str, Any]) -> tuple[int, int, int]:
    """How many prompts, the bytes of their text, and the tokens of the longest that came as tokens."""
    prompt = body.get("prompt")
    if prompt is None:
        raise BadRequest("Missing required parameter: 'prompt'.", param="prompt")
    if isinstance(prompt, str):
        return 1, len(prompt.encode()), 0
    if prompt == []:
        raise BadRequest("Invalid 'prompt': empty array. Expected at least one prompt.", param="prompt")
    if not isinstance(prompt, list):
        raise fields.wrong_type("prompt", "a string, an array of strings or of tokens", prompt)
    if all(type(item) is int for item in prompt):
        return 1, 0, len(prompt)
    if len(prompt) > PROMPTS_MAX:
        raise BadRequest(f"Invalid 'prompt': more than {PROMPTS_MAX} prompts in one request.", param="prompt")
    if all(isinstance(item, str) for item in prompt):
        return len(prompt), sum(len(item.encode()) for item in prompt), 0
    if all(isinstance(item, list) and item and all(type(token) is int for token in item) for item in prompt):
        return len(prompt), 0, max(len(item) for item in prompt)
    raise BadRequest("Invalid 'prompt': expected strings or arrays of token numbers, not a mix.", param="prompt")


class CompletionReading:
    """Reads text completions and the events of their streams."""

    meters = ("input", "output")

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        """OpenAI's usage object."""
        return openai_usage(answer)

    def pieces(self, answer: Mapping[str, Any]) -> Iterator[Piece]:
        """One piece per choice that delivers text."""
        choices = answer.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            text = choice.get("text") if isinstance(choice, Mapping) else None
            if isinstance(text, str) and text:
                index = choice.get("index")
                yield Piece(index if type(index) is int else 0, text)


READING = CompletionReading()
