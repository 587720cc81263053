"""Several workers on one listening socket: a dead one is replaced, signals are passed on.

Hypercorn's own master ends all workers as soon as one has gone (STACK.md "Traps"), so each worker here is a process of
its own that serves the inherited socket.
"""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

log = logging.getLogger("aethergate.supervisor")

RESPAWN_SECONDS = 1.0
SETTLED_SECONDS = 10.0
"""A worker that lived so long was healthy: the next one starts at once."""
RESPAWN_SECONDS_MAX = 30.0


class Supervisor:
    """Runs `count` copies of a command until SIGTERM or SIGINT; `descriptor` is inherited by each."""

    def __init__(self, command: Sequence[str], count: int, descriptor: int) -> None:
        self._command = list(command)
        self._count = count
        self._descriptor = descriptor
        self._workers: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)
        self._pause = RESPAWN_SECONDS
        self._stopping = False

    def run(self) -> int:
        """Returns the exit code: 0 where every worker ended cleanly after a signal."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda number, _: self._stop(number))
        signal.signal(signal.SIGHUP, lambda number, _: self._tell(number))
        codes: list[int] = []
        while not self._stopping or self._workers:
            codes += self._reap()
            self._start_due()
            time.sleep(0.1)
        return max((abs(code) for code in codes), default=0) and 1

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in [slot for slot, due in self._due.items() if due <= now and not self._stopping]:
            del self._due[slot]
            worker = subprocess.Popen(self._command, pass_fds=[self._descriptor])
            self._workers[slot] = worker, now
            log.info("worker started", extra={"worker": slot, "pid": worker.pid})

    def _reap(self) -> list[int]:
        codes = []
        for slot, (worker, since) in list(self._workers.items()):
            code = worker.poll()
            if code is None:
                continue
            del self._workers[slot]
            if self._stopping:
                codes.append(code)
                continue
            lived = time.monotonic() - since
            self._pause = RESPAWN_SECONDS if lived > SETTLED_SECONDS else min(2 * self._pause, RESPAWN_SECONDS_MAX)
            wait = 0.0 if lived > SETTLED_SECONDS else self._pause
            log.error("worker ended, a new one starts in %.0f s", wait, extra={"worker": slot, "code": code})
            self._due[slot] = time.monotonic() + wait
        return codes

    def _stop(self, number: int) -> None:
        self._stopping = True
        self._due.clear()
        self._tell(number if number != signal.SIGINT else signal.SIGTERM)

    def _tell(self, number: int) -> None:
        for worker, _ in self._workers.values():
            worker.send_signal(number)


def worker_command(arguments: Sequence[str]) -> list[str]:
    """This program again, as one worker."""
    return [sys.executable, "-m", "admin_cli", *arguments]
