"""The events of a backend's stream as the client gets them, counted on the way."""

from collections.abc import Sequence
from typing import Any

from infra.backends.pattern import MARK, Pattern, Repeat
from infra.metering.meter import Meter
from infra.runtime import replies


class Outgoing:
    """Of one stream that a backend has begun: the model by the caller's name, the usage kept back."""

    def __init__(self, meter: Meter, model: str, tier: str | None) -> None:
        self._meter, self._model, self._tier = meter, model, tier
        self.last: dict[str, Any] = {}
        """The event that was made last, for the usage chunk to be like it."""
        self._pattern: Pattern | None = None
        self._around = b"", b""
        """What stands before and behind the text in an event of that pattern, as it leaves."""
        self._counts = False
        """Whether its text is paid for."""

    def leaving(self, events: Sequence[dict[str, Any] | Repeat]) -> bytes:
        """Counts events and makes them what leaves, together; empty where nothing does."""
        if len(events) == 1 and type(only := events[0]) is Repeat:
            return self._repeat(only)
        return b"".join([self._repeat(event) if type(event) is Repeat else self._event(event) for event in events])

    def _event(self, event: Any) -> bytes:
        self._meter.see(event)
        replies.named(event, self._model, self._tier)
        usage = event.pop("usage", None)
        self.last = event
        return replies.event(event) if event.get("choices") or usage is None else b""

    def _repeat(self, repeat: Repeat) -> bytes:
        """Of an event that is like one before but for its text, by that one's bytes."""
        pattern, text = repeat
        if pattern is not self._pattern:
            self._learn(pattern)
        if self._counts:
            self._meter.see_text(pattern.index, text)
        before, behind = self._around
        return before + replies.encode(text) + behind

    def _learn(self, pattern: Pattern) -> None:
        self._pattern = pattern
        with pattern.saying(MARK) as event:
            self._counts = self._meter.counts(event)
            before, _, behind = replies.event(event).partition(replies.encode(MARK))
        self._around = before, behind
