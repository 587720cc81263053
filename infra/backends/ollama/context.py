"""How much context a request gets from Ollama: what gateway.yaml says, more where a prompt needs more and may have it.

Ollama loads a model anew for another `num_ctx`, so it is raised in powers of two: few sizes, few loads. What nobody has
said is Ollama's own, which depends on the machine's memory: one that refuses what does not fit is left to it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from infra.backends.ollama.cut import prompt_most
from infra.backends.ollama.tells import Card
from infra.config.objects import OllamaOptions
from infra.errors import ContextTooLong
from infra.metering.context import too_long

DEFAULT_TOKENS = 4096
"""The `num_ctx` of one that cuts where nobody says one."""
EMBEDDING_TOKENS = 2048
"""Of one input at most, from 0.30 on: it must fit one batch, whatever the context."""
_BYTES_PER_TOKEN = 3
"""Of most texts a token has more; a prompt of which that is not true is refused by Ollama and sent once more."""
_TEMPLATE_TOKENS = 256


def prompt_tokens(sent: Mapping[str, Any]) -> int:
    """Of a body for Ollama, guessed from above for most texts; images count as nothing here."""
    found = [sent.get("tools"), sent.get("format"), sent.get("prompt"), sent.get("suffix"), sent.get("input")]
    found += [{**message, "images": None} for message in sent.get("messages") or ()]
    return _TEMPLATE_TOKENS + len(msgspec.json.encode([each for each in found if each])) // _BYTES_PER_TOKEN


def num_ctx(
    options: OllamaOptions, sent: Mapping[str, Any], loaded: int | None, card: Card, cuts: bool, most: int | None
) -> int | None:
    """Tokens to ask for; None leaves it to Ollama. `loaded`: what the model has now; `cuts`: it must be told, since it
    cuts what does not fit; `most`: up to which it may be raised."""
    normal = options.num_ctx or ((card.own or DEFAULT_TOKENS) if cuts else None)
    if most is None:
        return normal
    if normal and loaded and normal < loaded <= most:
        normal = loaded  # asked for less, it would be loaded anew for this prompt, and again for the next long one
    have = normal or loaded or card.own
    if have is None or needed(sent, card, cuts) <= have:
        return normal or loaded
    return max(have, enough(sent, card, cuts, most))


def needed(sent: Mapping[str, Any], card: Card, cuts: bool) -> int:
    """Tokens of a prompt, of what the model's own messages add to it, and of its answer."""
    output = (sent.get("options") or {}).get("num_predict") or 0
    prompt = prompt_most(sent) + card.spoken if cuts else prompt_tokens(sent) + card.spoken // _BYTES_PER_TOKEN
    return prompt + (output if isinstance(output, int) and output > 0 else 0)


def enough(sent: Mapping[str, Any], card: Card, cuts: bool, most: int) -> int:
    """The power of two for that, up to `most`."""
    return min(most, 1 << (needed(sent, card, cuts) - 1).bit_length())


def largest(options: OllamaOptions, limit: int | None) -> int | None:
    """Up to which it may be raised; None where it may not."""
    return options.num_ctx_max if options.num_ctx_max is None or limit is None else min(options.num_ctx_max, limit)


def told(error: ContextTooLong, sent: Mapping[str, Any], context: int | None) -> ContextTooLong:
    """The refusal with numbers: Ollama says none."""
    if context is None or any(each.isdigit() for each in error.message):
        return error
    return too_long(context, f"about {max(context + 1, prompt_tokens(sent))}")
