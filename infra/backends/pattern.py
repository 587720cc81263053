"""Events of a stream that differ from the one before in nothing but their text, which nearly all of them do.

Such an event need not be taken apart and put together again. The one before was: cut where its text stands, it is the
pattern, and what begins and ends like it says a text and nothing else. Whatever fits no pattern goes the long way.
"""

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
"""Fields of a chat's delta that are text; a completion's choice has `text`."""
VAIN_MAX = 8
"""Patterns learnt in a row that fitted nothing, after which no more are: every event differs in something else, too."""
MARK = secrets.token_hex(16)
"""A text that no backend can know."""
_decode_text = msgspec.json.Decoder(str).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.encode


class Pattern:
    """One event, and the bytes around the text in it."""

    def __init__(self, event: dict[str, Any], index: int, holder: dict[str, Any], field: str) -> None:
        self.event, self.index = event, index
        self._holder, self._field = holder, field
        self._head = self._tail = b""
        self._around = self._from = self._to = 0

    def text(self, data: bytes) -> str | None:
        """The text of an event that is like this one in all else; None for any other."""
        if not (data.startswith(self._head) and data.endswith(self._tail)) or len(data) < self._around:
            return None
        try:
            return _decode_text(data[self._from : self._to])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    @contextlib.contextmanager
    def saying(self, text: str) -> Iterator[dict[str, Any]]:
        """The event, as whoever got it has left it, with another text for a while."""
        said = self._holder[self._field]
        self._holder[self._field] = text
        try:
            yield self.event
        finally:
            self._holder[self._field] = said

    def learn(self, data: bytes) -> bool:
        """Cuts the bytes that the event came as; False where its text cannot be told from the rest."""
        said = _encode(self._holder[self._field])
        self._head, found, self._tail = data.partition(said)
        self._around = len(data) - len(said) + 2
        self._from, self._to = len(self._head), -len(self._tail)
        if not found or not self._tail or said in self._tail:
            return False
        again = pattern_of(_decode(self._head + _encode(MARK) + self._tail))
        return again is not None and again._holder[again._field] == MARK


class Repeat(NamedTuple):
    """An event like its pattern's, with another text."""

    pattern: Pattern
    text: str


class Patterns:
    """The one of the event before, in one stream."""

    def __init__(self) -> None:
        self._now: Pattern | None = None
        self._vain = 0

    def repeat(self, data: bytes) -> Repeat | None:
        """The event as a repetition of the one before, where it is one."""
        if self._now is None or (text := self._now.text(data)) is None:
            return None
        self._vain = 0
        return Repeat(self._now, text)

    def learn(self, data: bytes, event: dict[str, Any]) -> None:
        """From the event that came as these bytes, after it has been mended."""
        self._now = None
        if self._vain < VAIN_MAX and (found := pattern_of(event)) is not None and found.learn(data):
            self._now = found
            self._vain += 1


def pattern_of(event: dict[str, Any]) -> Pattern | None:
    """Of an event that says a text in one choice and nothing else; None for any other."""
    choices = event.get("choices")
    if not choices or len(choices) != 1 or event.get("usage") is not None:
        return None
    (choice,) = choices
    if choice.get("finish_reason") or choice.get("logprobs") is not None:
        return None
    delta = choice.get("delta")
    if delta is None:
        holder, field = choice, "text"
    elif isinstance(delta, dict) and len(delta) == 1:
        holder, field = delta, next(iter(delta))
        if field not in TEXTS:
            return None
    else:
        return None
    return Pattern(event, choice.get("index", 0), holder, field) if isinstance(holder.get(field), str) else None
