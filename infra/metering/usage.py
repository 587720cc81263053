"""What a backend says it used, read with distrust: a usage that is null, negative, float, text or absurd is clamped
and flagged, never an error (docs/ledger.md, What is billed)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Basis = Literal["measured", "partial", "estimated", "recovered"]
"""How the units of a bill were found: reported by the backend; counted until the client or backend left; counted
because the backend reported nothing usable; taken from the last checkpoint of a process that died."""

TOKENS_MAX = 10**9
"""No request has more; a report above it is absurd."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as reported: `cached` is a part of `input`, `reasoning` a part of `output`."""

    input: int | None
    """None: the backend told its output alone."""
    output: int = 0
    cached: int = 0
    reasoning: int = 0


def tokens(value: Any) -> int | None:
    """A count that can be believed, else None."""
    return value if type(value) is int and 0 <= value <= TOKENS_MAX else None


def openai_usage(answer: Mapping[str, Any]) -> Usage | None:
    """Reads the `usage` object of chat, completions and embeddings answers; None where there is none to believe."""
    found = answer.get("usage")
    if found is None or not isinstance(found, Mapping):
        return None
    sent, produced = tokens(found.get("prompt_tokens")), tokens(found.get("completion_tokens", 0))
    if produced is not None and "prompt_tokens" not in found and "completion_tokens" in found:
        return Usage(None, produced)
    if sent is None or produced is None:
        return None
    return Usage(
        input=sent,
        output=produced,
        cached=min(sent, _detail(found, "prompt_tokens_details", "cached_tokens")),
        reasoning=min(produced, _detail(found, "completion_tokens_details", "reasoning_tokens")),
    )


def _detail(usage: Mapping[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return (tokens(details.get(name)) or 0) if isinstance(details, Mapping) else 0
