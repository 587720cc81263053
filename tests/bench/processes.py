"""Processes pinned to a core, and what they cost."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

START_SECONDS = 90.0
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def placed(cores: set[int], nice: int | None = None) -> None:
    """Puts this process on these cores, and at this priority: by default that of who started it, which a session of
    its own would otherwise lose (sched(7), autogroup)."""
    os.sched_setaffinity(0, cores)
    wanted = os.nice(0) if nice is None else os.nice(nice - os.nice(0))
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(wanted))


class Running:
    """A process with its children, in a session of its own."""

    def __init__(
        self, command: Sequence[str], cores: set[int], log: Path, env: Mapping[str, str], folder: Path
    ) -> None:
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **env},
                cwd=folder,
                start_new_session=True,
                preexec_fn=lambda: placed(cores),
            )
        self.pid = self._process.pid

    def wait_for(self, url: str, seconds: float = START_SECONDS) -> float:
        """Until the URL answers with anything below 500; returns the seconds it took. Raises RuntimeError."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self._process.poll() is not None:
                raise RuntimeError(f"it ended with status {self._process.returncode}: {self.last_words()}")
            with contextlib.suppress(urllib.error.HTTPError, OSError), urllib.request.urlopen(url, timeout=2):
                return time.monotonic() - began
            time.sleep(0.02)
        raise RuntimeError(f"it did not answer within {seconds:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-600:] if self.log.exists() else ""

    def cpu(self) -> float:
        """Seconds of processor time that it and its children have used."""
        total = 0
        for pid in _tree(self.pid):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def memory_mb(self) -> float:
        """Proportional set size in MB, children included."""
        total = 0
        for pid in _tree(self.pid):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    total += int(line.split()[1]) if line.startswith("Pss:") else 0
        return total / 1024

    def stop(self) -> None:
        """Ends it and its children."""
        for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                return


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))
