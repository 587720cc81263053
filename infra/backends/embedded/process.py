"""The child process of the embedded backend: started, watched, restarted when it crashes, stopped with us."""

import asyncio
import contextlib
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.backends.faults import clean

CHILD = Path(__file__).with_name("child.py")
LOG_LINES = 200
RESTART_FIRST, RESTART_MAX = 1.0, 60.0
"""Seconds until a crashed child is started again: doubled each time."""
STEADY = 60.0
"""Seconds after which a child counts as having worked."""
STOP_SECONDS = 5.0


class Process:
    """`url` is where it listens, None while it does not; `changed` is told with every change of that."""

    def __init__(self, settings: Mapping[str, Any], changed: Callable[[bool], None]) -> None:
        self.url: str | None = None
        self.why = "It is loading its model."
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self._settings = settings
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self.pid: int | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name="embedded backend")

    async def stop(self) -> None:
        """Returns when the child is gone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.url, self.why = None, "It was stopped."

    async def _supervise(self) -> None:
        delay = RESTART_FIRST
        while True:
            began = time.monotonic()
            code = await self._run()
            if time.monotonic() - began > STEADY:
                delay = RESTART_FIRST
            self.url = None
            self.why = f"Its process ended with code {code}{self._last_words()}; it starts again in {delay:.0f} s."
            self._changed(False)
            await asyncio.sleep(delay)
            delay = min(RESTART_MAX, 2 * delay)
            self.why = "It is loading its model."

    async def _run(self) -> int:
        """One life of the child; its exit code."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for us: the child goes after the requests on it
        )
        self.pid = child.pid
        try:
            assert child.stdin is not None and child.stdout is not None and child.stderr is not None
            with contextlib.suppress(ConnectionError):
                child.stdin.write(json.dumps(self._settings).encode() + b"\n")
                await child.stdin.drain()
            await asyncio.gather(self._listen(child.stdout), self._keep(child.stderr))
            return await child.wait()
        finally:
            await asyncio.shield(_end(child))

    async def _listen(self, output: asyncio.StreamReader) -> None:
        """READY says that it serves; nothing else is said there."""
        async for line in output:
            if line.startswith(b"READY "):
                self.url = str(json.loads(line[6:])["url"]).rstrip("/")
                self._changed(True)

    async def _keep(self, errors: asyncio.StreamReader) -> None:
        """The last lines of the child's log, however long they are, until it closes it."""
        rest = b""
        while chunk := await errors.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-65536:]
            self.log.extend(line.decode(errors="replace") for line in lines)

    def _last_words(self) -> str:
        """The last line that looks like a reason."""
        wrong = [line for line in self.log if " E " in line or "rror" in line]
        return f": {clean(wrong[-1]).strip().rstrip('.')}" if wrong else ""


async def _end(child: asyncio.subprocess.Process) -> None:
    """Closes the child's life line and waits; a child that does not obey is killed."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
