"""Prompts that do not fit a model's context: refused with the numbers, and never billed where a server cut them.

Some servers cut a prompt without a word (Ollama's /v1, LM Studio). What they report then is what they read: far less
than was sent. Four bytes are about a token and eight are rare, so a prompt that should not fit by the first measure,
and of which less than a token per eight bytes was read, was cut. Texts that are denser than that are measured as such
(infra.metering.density).
"""

from infra.errors import ContextTooLong
from infra.metering.ask import Ask
from infra.metering.density import least, texts

_READ = ("messages", "tools", "functions", "prompt", "suffix", "input")


def too_long(context: int, found: int | str) -> ContextTooLong:
    """In OpenAI's words, which clients match on."""
    return ContextTooLong(
        f"This model's maximum context length is {context} tokens. However, your messages resulted in {found} tokens."
        " Please reduce the length of the messages."
    )


def was_cut(ask: Ask, read: int, context: int) -> bool:
    """Whether the backend read only a part of the prompt, by its own count."""
    if ask.answers != 1 or not read <= context < ask.prompt_estimate or 2 * read >= ask.prompt_estimate:
        return False
    fewest = sum(least(text) for name in _READ for text in texts(ask.body.get(name)))
    return context < 2 * fewest and read < fewest


def one_prompt(ask: Ask) -> bool:
    """Whether all of it must fit at once: lists of prompts must do so one by one."""
    return ask.task == "chat" or (ask.task == "completion" and isinstance(ask.body.get("prompt"), str))
