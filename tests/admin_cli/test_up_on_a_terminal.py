"""`aethergate up` with a person before it: asked once, stopped by Ctrl-C, nothing wrapped that is to be pasted."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.admin_cli.conftest import Shell
from tests.admin_cli.test_up import PATIENCE_SECONDS, free_port


class Terminal:
    """Eighty columns with the process on the other end."""

    def __init__(self, process: "subprocess.Popen[bytes]", line: int) -> None:
        self.process, self._line, self.shown = process, line, ""

    def until(self, words: str) -> str:
        """Reads until these words have been shown; all that was."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while words not in self.shown:
            assert time.monotonic() < give_up, self.shown
            if not self._read():
                raise AssertionError(f"it ended: {self.shown}")
        return self.shown

    def type(self, text: str) -> None:
        """As if on a keyboard."""
        os.write(self._line, text.encode())

    def rest(self) -> str:
        """Reads to the end."""
        while self._read():
            continue
        return self.shown

    def _read(self) -> bool:
        if not select.select([self._line], [], [], 1)[0]:
            return self.process.poll() is None
        try:
            chunk = os.read(self._line, 65536)
        except OSError:  # Linux's way to say that the other end was closed
            return False
        self.shown += chunk.decode(errors="replace").replace("\r\n", "\n")
        return bool(chunk)


@contextmanager
def terminal(shell: Shell, *words: str) -> Iterator[Terminal]:
    """Runs a command line on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _OWN_TERMINAL, *words],
        cwd=shell.folder,
        env={**shell.whole_environ(), "TERM": "xterm", "COLUMNS": "80"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)


# The new session takes the terminal as its own, so that a typed Ctrl-C becomes the signal.
_OWN_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from admin_cli.main import main
main()
"""


@pytest.fixture
def shell(bare: Shell) -> Shell:
    """Nobody answers at Ollama's address."""
    bare.done("init")
    bare.environ["OLLAMA_API_BASE"] = f"http://127.0.0.1:{free_port()}"
    return bare


def test_a_yes_starts_the_model_and_ctrl_c_ends_everything_cleanly(shell: Shell) -> None:
    with terminal(shell, "up", "--port", str(free_port()), "--ui-port", str(free_port())) as seen:
        seen.until("Start it? [Y/n]")
        seen.type("\n")
        said = seen.until("Ctrl-C stops everything.")
        [curl] = [line for line in said.splitlines() if line.startswith("curl ")]
        assert curl.endswith("}'")
        assert len(curl) > 80
        seen.type("\x03")
        shown = seen.rest()
        assert seen.process.wait(30) == 0, shown
    assert "Stopping." in shown
    assert "Traceback" not in shown
    assert "Error" not in shown


def test_a_no_leaves_it_alone_and_says_which_backends_there_are(shell: Shell) -> None:
    with terminal(shell, "up", "--port", str(free_port()), "--ui-port", str(free_port())) as seen:
        seen.until("Start it? [Y/n]")
        seen.type("n\n")
        said = seen.until("Ctrl-C stops everything.")
        assert "No model can be used yet" in said
        assert "embedded:" in said
        seen.process.send_signal(signal.SIGTERM)
        seen.rest()
        assert seen.process.wait(30) == 0


def test_ctrl_c_at_the_question_is_no_traceback(shell: Shell, tmp_path: Path) -> None:
    with terminal(shell, "up", "--port", str(free_port()), "--ui-port", str(free_port())) as seen:
        seen.until("Start it? [Y/n]")
        seen.type("\x03")
        shown = seen.rest()
        assert seen.process.wait(30) == 130
    assert "Traceback" not in shown
