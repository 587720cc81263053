"""How much context a request gets from Ollama: what gateway.yaml says, more where a prompt needs more and may have it.

Ollama loads a model anew for another `num_ctx`, so it is raised in powers of two: few sizes, few loads.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from infra.backends.ollama.cut import prompt_most
from infra.config.objects import OllamaOptions
from infra.errors import ContextTooLong
from infra.metering.context import too_long

DEFAULT_TOKENS = 4096
"""Ollama's own `num_ctx` where nobody says one (its FAQ)."""
_BYTES_PER_TOKEN = 3
"""Of most texts a token has more; a prompt of which that is not true is refused by Ollama and sent once more."""
_TEMPLATE_TOKENS = 256


def prompt_tokens(sent: Mapping[str, Any]) -> int:
    """Of a body for Ollama, guessed from above for most texts; images count as nothing here."""
    found = [sent.get("tools"), sent.get("format"), sent.get("prompt"), sent.get("suffix"), sent.get("input")]
    found += [{**message, "images": None} for message in sent.get("messages") or ()]
    return _TEMPLATE_TOKENS + len(msgspec.json.encode([each for each in found if each])) // _BYTES_PER_TOKEN


def num_ctx(
    options: OllamaOptions, sent: Mapping[str, Any], loaded: int | None, limit: int | None, default: int | None = None
) -> int | None:
    """Tokens to ask for; None leaves it to Ollama. `loaded`: what the model has now; `limit`: the model's own;
    `default`: to be asked for where gateway.yaml says nothing, by an Ollama that would cut what does not fit."""
    normal = options.num_ctx or default
    most = largest(options, limit)
    if most is None:
        return normal
    if normal and loaded and normal < loaded <= most:
        normal = loaded  # asked for less, it would be loaded anew for this prompt, and again for the next long one
    have = normal or loaded or DEFAULT_TOKENS
    output = (sent.get("options") or {}).get("num_predict") or 0
    prompt = prompt_tokens(sent) if default is None else prompt_most(sent)
    needed = prompt + (output if isinstance(output, int) and output > 0 else 0)
    if needed <= have:
        return normal or loaded
    return max(have, min(most, 1 << (needed - 1).bit_length()))


def largest(options: OllamaOptions, limit: int | None) -> int | None:
    """Up to which it may be raised; None where it may not."""
    return options.num_ctx_max if options.num_ctx_max is None or limit is None else min(options.num_ctx_max, limit)


def told(error: ContextTooLong, sent: Mapping[str, Any], context: int | None) -> ContextTooLong:
    """The refusal with numbers: Ollama says none."""
    if context is None or any(each.isdigit() for each in error.message):
        return error
    return too_long(context, f"about {max(context + 1, prompt_tokens(sent))}")
