"""A client's bytes on the shortest way: from the socket to the parser, with no task that has to be woken for them.

Hypercorn reads each connection in a task, through asyncio's StreamReader: every request waits for a turn of the event
loop before anybody looks at it. Once a connection has begun, this stands between the socket and that reader, which
then only hears of the end.
"""

import asyncio
from typing import Any, Protocol

CUT_SECONDS, FLUSH_SECONDS = 2.0, 60.0
"""How long what was written last may take to reach a client whose connection is closed: of an answer that was cut
short, of a whole one."""


class Reading(Protocol):
    """Who takes the bytes."""

    def received(self, data: bytes) -> None:
        """They came."""
        ...

    def too_much(self) -> bool:
        """Whether nothing more should be read for now."""
        ...


class Direct(asyncio.Protocol):
    """One connection's. `room` must be called when `too_much` may have ended."""

    def __init__(self, transport: Any, reading: Reading) -> None:
        self._transport, self._reading = transport, reading
        self._before: asyncio.StreamReaderProtocol = transport.get_protocol()
        self._paused = False

    @classmethod
    def over(cls, transport: Any, reading: Reading) -> "Direct | None":
        """Takes a connection over; None where bytes wait that its reader has not given out yet: they come first."""
        reader = getattr(transport.get_protocol(), "_stream_reader", None)
        if reader is None or reader._buffer or reader._eof or transport.is_closing():
            return None
        found = cls(transport, reading)
        transport.set_protocol(found)
        return found

    def data_received(self, data: bytes) -> None:
        """asyncio."""
        self._reading.received(data)
        if self._reading.too_much() and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def room(self) -> None:
        """Goes on reading where there is room again."""
        if self._paused and not self._reading.too_much() and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def eof_received(self) -> bool | None:
        """asyncio: Hypercorn's reader ends the connection."""
        return self._before.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio."""
        self._before.connection_lost(exc)

    def pause_writing(self) -> None:
        """asyncio: whoever writes by Hypercorn's way waits."""
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """asyncio."""
        self._before.resume_writing()


def abort_soon(transport: Any, *, cut: bool) -> None:
    """asyncio closes a socket only when all was sent, which never happens where the client takes nothing."""
    if transport.get_write_buffer_size():
        asyncio.get_running_loop().call_later(CUT_SECONDS if cut else FLUSH_SECONDS, transport.abort)
