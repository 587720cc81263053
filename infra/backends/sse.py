"""Streams from bytes in any splits: server-sent events (WHATWG HTML, 9.2.6 "Interpreting an event stream"), and JSON
lines."""

from typing import NamedTuple

EVENT_MAX = 8 * 2**20
"""Bytes of one event; a backend that sends more is broken or hostile."""


class Event(NamedTuple):
    """One event: its data lines joined by newlines, and its type where it names one."""

    data: bytes
    name: bytes = b""


class EventTooLong(ValueError):
    """An event or line over the bound."""


class Parser:
    """Fed with bytes, gives the events that became complete; keeps at most `event_max` bytes."""

    def __init__(self, event_max: int = EVENT_MAX) -> None:
        self._max = event_max
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._name = b""
        self._first_line = True
        self._after_cr = False
        self._between = False
        """Nothing is left of what was fed before."""

    def only(self, chunk: bytes) -> bytes | None:
        """The data of an event, where the chunk is one and nothing else, as nearly all come that are sent when said."""
        if self._between and chunk[:6] == b"data: " and chunk[-2:] == b"\n\n":
            return None if b"\r" in chunk or chunk.count(b"\n") != 2 else chunk[6:-2]
        return None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes; raises EventTooLong."""
        if (data := self.only(chunk)) is not None:
            return [Event(data)]
        if self._after_cr or b"\r" in chunk:
            chunk = self._plain_ends(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n") if self._rest else chunk.split(b"\n")
        found: list[Event] = []
        for line in lines:
            if line.startswith(b"data: "):  # nearly every line that is not empty
                self._data.append(line[6:])
                self._size += len(line) - 5
                self._first_line = False
            elif line:
                self._take(line)
            elif self._data:
                found.append(self._finish())
            else:
                self._name = b""
        self._between = not (self._rest or self._data or self._name or self._first_line or self._after_cr)
        if self._size + len(self._rest) > self._max:
            raise EventTooLong(f"an event of more than {self._max} bytes")
        return found

    def end(self) -> list[Event]:
        """What a server left unterminated at the end of its stream: the spec drops it, servers mean it."""
        if self._rest:
            self._take(self._rest)
            self._rest = b""
        return [self._finish()] if self._data else []

    def _plain_ends(self, chunk: bytes) -> bytes:
        """CRLF and CR as LF, also where a CRLF was split between two chunks."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take(self, line: bytes) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        name, colon, value = line.partition(b":")
        if colon and value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._size += len(value) + 1
        elif name == b"event":
            self._name = value

    def _finish(self) -> Event:
        event = Event(self._data[0] if len(self._data) == 1 else b"\n".join(self._data), self._name)
        self._data, self._size, self._name = [], 0, b""
        return event


class Lines:
    """JSON lines, fed and read as `Parser` is: one line, one event."""

    def __init__(self, event_max: int = EVENT_MAX) -> None:
        self._max = event_max
        self._rest = b""

    def only(self, chunk: bytes) -> bytes | None:
        """See `Parser`: nothing is found so early."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The lines that `chunk` completes, empty ones left out; raises EventTooLong."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > self._max:
            raise EventTooLong(f"a line of more than {self._max} bytes")
        return [Event(line) for line in lines if line.strip()]

    def end(self) -> list[Event]:
        """The last line, where it was not terminated."""
        rest, self._rest = self._rest, b""
        return [Event(rest)] if rest.strip() else []
