"""Prompts that do not fit a model's context: refused with the numbers, and never billed where a server cut them.

Some servers cut a prompt without a word (Ollama's /v1, LM Studio). What they report then is what they read: less than
was sent. Nobody packs sixteen letters into a token, so of a prompt of which less was read a part is missing. Four bytes
are about a token and eight are rare, so a prompt that should not fit a known context by the first measure, and of which
less than a token per eight bytes was read, was cut. Texts that are denser than that are measured as such
(infra.metering.density). A prompt that fills the context to the last token leaves no room for an answer: it was cut.
"""

from collections.abc import Iterator
from typing import Any

from infra.errors import ContextTooLong
from infra.metering.ask import Ask
from infra.metering.density import least, texts

READ_LEAST = 256
"""No server has a smaller context. Fewer tokens some report where they had the beginning of a prompt in their cache."""


def too_long(context: int, found: int | str) -> ContextTooLong:
    """In OpenAI's words, which clients match on."""
    return ContextTooLong(
        f"This model's maximum context length is {context} tokens. However, your messages resulted in {found} tokens."
        " Please reduce the length of the messages."
    )


def was_cut(ask: Ask, read: int, context: int | None) -> bool:
    """Whether the backend read only a part of the prompt, by its own count; `context`: what it has, where known."""
    if not (one_prompt(ask) or ask.answers == 1) or 2 * read >= ask.prompt_estimate:
        return _full(ask, read, context)
    too_small = context is not None and ask.answers == 1 and read <= context < ask.prompt_estimate
    if read < READ_LEAST and not too_small:
        return _full(ask, read, context)  # as nearly always: then no text has to be looked at
    fewest = sum(least(text) for text in _read(ask.body))
    if read >= READ_LEAST and 2 * read < fewest:
        return True
    fits = not too_small or context is None or context >= 2 * fewest
    return _full(ask, read, context) or (not fits and read < fewest)


def _full(ask: Ask, read: int, context: int | None) -> bool:
    return ask.answers == 1 and read == context and read < ask.prompt_bound


def _read(body: dict[str, Any]) -> Iterator[str]:
    """The texts that every server reads. Thoughts of earlier answers are left out by many templates, tools by some."""
    for name in ("prompt", "suffix", "input"):
        yield from texts(body.get(name))
    for message in body.get("messages") or ():
        for text in texts(message.get("content")):
            if "</think>" not in text:
                yield text


def one_prompt(ask: Ask) -> bool:
    """Whether all of it must fit at once: lists of prompts must do so one by one."""
    return ask.task == "chat" or (ask.task == "completion" and isinstance(ask.body.get("prompt"), str))
