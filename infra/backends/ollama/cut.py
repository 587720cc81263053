"""Whether an Ollama that knows no `truncate` has cut a prompt, by what it read and what it does (server/prompt.go and
runner/*/runner.go of ollama/ollama before 0.13).

Of a chat too long for the context the oldest messages go, except the system's, until the rest fits or only the last is
left. What is too long then, and a plain prompt, loses its middle: the context is full, before 0.4 at least half of it.
So a prompt that fits by any measure was not cut, nor one that leaves room for each of the messages that might have
gone. Of the rest nobody can tell, and whoever may have got half an answer does not pay.
"""

from collections.abc import Mapping
from typing import Any

from infra.metering.density import least, most, texts
from infra.metering.fields import IMAGE_TOKENS_MAX

TEMPLATE_TOKENS, MESSAGE_TOKENS = 256, 16
"""What a template adds at most, in all and to each message."""
IMAGE_TOKENS = 768
"""What Ollama takes a picture for when it looks whether the messages fit."""


def prompt_most(sent: Mapping[str, Any]) -> int:
    """Tokens of a body for Ollama at most, pictures included."""
    return _frame(sent) + sum(_most(message) for message in sent.get("messages") or ())


def was_cut(sent: Mapping[str, Any], read: int, context: int, template: int = 0, halves: bool = False) -> bool:
    """`sent`: the body; `read`: its `prompt_eval_count`; `context`: the tokens that it had; `template`: bytes of the
    model's own template and system prompts (its other messages are older than all of these, and go before them);
    `halves`: it may be older than 0.4."""
    if read >= context - 1:
        return True
    messages = list(sent.get("messages") or ())
    frame = _frame(sent) + template
    sizes = [_most(message) for message in messages]
    if frame + sum(sizes) <= context:
        return False
    seen = read + IMAGE_TOKENS * sum(len(message.get("images") or ()) for message in messages)
    kept_most, kept_least = 0, 0  # of what stays in any case, and then of more and more of the newest
    for message, size in zip(messages, sizes, strict=True):
        if message is messages[-1] or message["role"] == "system":
            kept_most, kept_least = kept_most + size, kept_least + _least(message)
    if halves and 2 * read >= context and frame + kept_most > context:
        return True  # its middle went, in pieces of half the context (llama.cpp's server.cpp of its time)
    for message, size in zip(reversed(messages[:-1]), reversed(sizes[:-1]), strict=True):
        if message["role"] == "system":
            continue
        if kept_least <= read <= frame + kept_most and size + seen > context:
            return True  # all up to this one may have gone
        kept_most, kept_least = kept_most + size, kept_least + _least(message)
    return False


def _frame(sent: Mapping[str, Any]) -> int:
    """Everything but the messages."""
    parts = (sent.get(name) for name in ("tools", "format", "prompt", "suffix", "input"))
    return TEMPLATE_TOKENS + 2 * sum(most(text) for part in parts for text in _everything(part))


def _everything(part: Any) -> list[str]:
    """Its texts, the names of its fields among them."""
    found = list(texts(part))
    if isinstance(part, Mapping):
        return [*part, *(text for value in part.values() for text in _everything(value))]
    if isinstance(part, list):
        return [text for item in part for text in _everything(item)]
    return found


def _most(message: Mapping[str, Any]) -> int:
    text = sum(most(text) for name, value in message.items() if name != "images" for text in _everything(value))
    return text + MESSAGE_TOKENS + IMAGE_TOKENS_MAX * len(message.get("images") or ())


def _least(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    return least(content) if isinstance(content, str) else 0
