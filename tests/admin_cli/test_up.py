"""`aethergate up` as a newcomer runs it: API and control room, a demo key once, requests that work when pasted."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.runtime.lock import DatabaseLock
from tests.admin_cli.conftest import Shell

PATIENCE_SECONDS = 90


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Up:
    """The process, where it listens, and what it has said."""

    def __init__(self, shell: Shell, process: "subprocess.Popen[bytes]", port: int, room: int, said: Path) -> None:
        self.shell, self.process, self.port, self.room, self._said = shell, process, port, room, said

    @property
    def said(self) -> str:
        """Its standard output so far."""
        return self._said.read_text()

    def greeted(self) -> str:
        """Waits for the welcome."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while "Ctrl-C stops everything" not in self.said:
            assert self.process.poll() is None, (self.said, self.errors)
            assert time.monotonic() < give_up, (self.said, self.errors)
            time.sleep(0.1)
        return self.said

    @property
    def errors(self) -> str:
        """Its standard error so far."""
        return self._said.with_suffix(".err").read_text()


@contextmanager
def up(shell: Shell) -> Iterator[Up]:
    """Starts it on free ports; at the end it must stop cleanly by one Ctrl-C."""
    port, room, said = free_port(), free_port(), shell.folder / "up.out"
    command = [sys.executable, "-m", "admin_cli", "up", "--port", str(port), "--ui-port", str(room)]
    with said.open("wb") as out, said.with_suffix(".err").open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=shell.folder,
            env=shell.whole_environ(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            # A shell starts what runs in the background deaf to Ctrl-C, and we may be such a thing ourselves.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
        )
    found = Up(shell, process, port, room, said)
    try:
        yield found
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, found.errors
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    shell = Shell(tmp_path_factory.mktemp("up"))
    shell.environ["OLLAMA_API_BASE"] = f"http://127.0.0.1:{free_port()}"  # nobody answers there
    shell.done("init")
    with up(shell) as found:
        found.greeted()
        yield found


def test_it_says_where_everything_is_and_never_the_admin_key(running: Up) -> None:
    said = running.said
    assert f"http://127.0.0.1:{running.port}/v1" in said
    assert f"http://127.0.0.1:{running.room}" in said
    assert "MASTER_API_KEY in .env" in said
    [master] = re.findall(r'MASTER_API_KEY="([^"]+)"', (running.shell.folder / ".env").read_text())
    assert master not in said + running.errors


def test_the_curl_line_works_when_pasted_and_is_paid_by_the_demo_user(running: Up) -> None:
    [curl] = [line for line in running.said.splitlines() if line.startswith("curl ")]
    answer = subprocess.run(["sh", "-c", f"{curl} -sS"], capture_output=True, text=True, timeout=60)
    assert '"role":"assistant"' in answer.stdout, answer
    balance = running.shell.json("check-balance", "demo")["balance_nano"]
    assert 0 < 10_000_000_000 - balance < 10_000_000


def test_the_five_lines_of_python_work_when_pasted(running: Up) -> None:
    lines = running.said.splitlines()
    first = lines.index("from openai import OpenAI")
    snippet = "\n".join(lines[first : first + 5])
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "CompletionUsage(" in done.stdout


def test_the_control_room_answers(running: Up) -> None:
    answer = httpx.get(f"http://127.0.0.1:{running.room}/sign-in")
    assert answer.status_code == 200
    assert "AetherGate" in answer.text


def test_a_second_up_is_refused_by_the_first_port_that_is_taken(running: Up) -> None:
    said = running.shell.refused("up", "--port", str(running.port), "--ui-port", str(running.room))
    assert said.startswith(f"aethergate: port {running.room} on 127.0.0.1 is in use")
    assert said.endswith("--ui-port")


def test_a_second_up_on_other_ports_is_refused_by_the_lock(running: Up) -> None:
    said = running.shell.refused("up", "--port", "0", "--ui-port", str(free_port()))
    assert f"at http://127.0.0.1:{running.port})" in said


def test_a_later_run_makes_no_user_and_says_how_to_mint_a_key(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.done("init")
    file = tmp_path / "gateway.yaml"
    file.write_text(file.read_text().replace("if_no_other", "never", 1))
    shell.environ["OLLAMA_API_BASE"] = f"http://127.0.0.1:{free_port()}"
    shell.done("add-user", "bob")
    with up(shell) as found:
        said = found.greeted()
    assert "aethergate gen-key bob" in said
    assert "sk-" not in said
    assert "No model can be used yet" in said
    assert "ollama:" in said
    assert "Stopping." in found.said
    assert "Traceback" not in found.errors
    assert [user["username"] for user in shell.json("users")["data"]] == ["bob"]


def test_nothing_outlives_an_up_that_was_killed(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.done("init")
    shell.environ["OLLAMA_API_BASE"] = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(AssertionError), up(shell) as found:  # it cannot stop cleanly any more
        found.greeted()
        os.kill(found.process.pid, signal.SIGKILL)
        found.process.wait(10)
    assert DatabaseLock(tmp_path / "aethergate.db").holder() is None
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up and _listens(found.room):
        time.sleep(0.1)
    assert not _listens(found.room)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
