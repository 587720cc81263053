"""Logs as one JSON line per event on stderr."""

import asyncio
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import TextIO

import msgspec

_PLAIN = set(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """`logging.info("text", extra={...})` becomes {"at", "level", "logger", "event", …extra}."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _PLAIN}
        if record.exc_info:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        return msgspec.json.encode(line, enc_hook=str).decode()


class Together(logging.StreamHandler[TextIO]):
    """Writes what one turn of the event loop has to say in one go; a warning, and whatever is said outside of a loop,
    at once. What waits is written at the end of the process at the latest."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []
        self._told: asyncio.AbstractEventLoop | None = None
        """The loop that will write them."""

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler, which holds the lock meanwhile."""
        try:
            self._lines.append(self.format(record) + self.terminator)
        except Exception:  # noqa: BLE001 - as logging does: what cannot be formatted is reported there
            self.handleError(record)
            return
        loop = asyncio._get_running_loop() if record.levelno < logging.WARNING else None
        if loop is None:
            self.flush()
        elif self._told is not loop:
            self._told = loop
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Writes what waits."""
        self.acquire()
        try:
            lines, self._lines, self._told = self._lines, [], None
            self.stream.write("".join(lines))
            self.stream.flush()
        except (OSError, ValueError):
            lines.clear()  # nobody reads them any more, and there is no other place to say so
        finally:
            self.release()


def log_to_stderr(level: int = logging.INFO) -> None:
    """Sends the gateway's events to stderr, and of the libraries what is worth a warning."""
    # What no line shows is not looked for: the caller's stack frame, thread and process of each event.
    logging._srcfile = None  # as the HOWTO of logging says, Optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = Together(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("aethergate").setLevel(level)
