"""How many tokens a text may have where nobody can count them: from below and from above, for the tokenizers in use."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_RUN = re.compile(r"(.)\1{7,}", re.DOTALL)
"""Vocabularies have tokens for long runs of one character: indents, empty lines, rules."""
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_WORDS = re.compile(r"(?<![A-Za-z0-9])[A-Z]?[a-z]{1,23}(?![A-Za-z0-9])")
"""Of base64, hexadecimals and the like a token may have little more than one letter."""
_INSIDE = re.compile(r"(?<=[!-~]) (?=[!-~])")
"""A space between words is a part of the next one's token."""
_MEDIA = frozenset({"image_url", "input_audio", "file", "video_url", "image"})


def least(text: str) -> int:
    """Fewer than this no tokenizer makes of an ordinary text: eight letters to a token, three ideographs, and a run of
    one character is one."""
    short = _RUN.sub(lambda run: run[1] * 8, text)
    ideographs = len(_IDEOGRAPHS.findall(short))
    return ideographs // 3 + (len(short) - ideographs) // 8


def most(text: str) -> int:
    """More than this none makes of it: two letters of a word to a token, a byte of everything else."""
    words = [len(word) for word in _WORDS.findall(text)]
    halves = sum(size // 2 for size in words)
    return len(text.encode("utf-8", "surrogatepass")) - halves - len(_INSIDE.findall(text))


def texts(value: Any) -> Iterator[str]:
    """Every text in a part of a request that goes into the prompt; what media hold is none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, Mapping) and value.get("type") not in _MEDIA:
        for item in value.values():
            yield from texts(item)
