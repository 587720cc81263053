"""The same commands while a gateway serves: over HTTP, found by the database's lock or by AETHERGATE_URL."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.runtime.lock import DatabaseLock
from tests.admin_cli.conftest import Shell


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, subprocess.Popen[bytes]]]:
    """A folder where `aethergate serve` runs, without a model to load."""
    shell = Shell(tmp_path_factory.mktemp("served"))
    shell.done("init")
    serving = serve(shell)
    try:
        assert _url(shell.folder, serving), (shell.folder / "serve.log").read_text()
        yield shell, serving
    finally:
        serving.terminate()
        assert serving.wait(30) == 0, (shell.folder / "serve.log").read_text()


def serve(shell: Shell) -> subprocess.Popen[bytes]:
    """Starts a gateway in the shell's folder that loads no model; it logs to serve.log."""
    file = shell.folder / "gateway.yaml"
    file.write_text(file.read_text().replace("if_no_other", "never", 1))
    with (shell.folder / "serve.log").open("wb") as log:
        command = [sys.executable, "-m", "admin_cli", "serve", "--port", "0"]
        return subprocess.Popen(command, cwd=shell.folder, env=shell.whole_environ(), stdout=log, stderr=log)


def _url(folder: Path, serving: subprocess.Popen[bytes]) -> str:
    """Where it answers, once it does."""
    lock = DatabaseLock(folder / "aethergate.db")
    for _ in range(600):
        if serving.poll() is not None:
            return ""
        if lock.holder() and "serving" in (folder / "serve.log").read_text():
            return lock.holder() or ""
        time.sleep(0.05)
    return ""


def test_commands_go_to_the_gateway_that_serves(served: tuple[Shell, subprocess.Popen[bytes]]) -> None:
    shell, _ = served
    shell.done("add-user", "bob", "--balance", "10.00")
    assert shell.done("gen-key", "bob", "--name", "default").startswith("sk-")
    assert shell.done("check-balance", "bob") == "bob: 10.00\n"
    assert {each["name"] for each in shell.json("backends")["data"]} == {"ollama", "embedded"}
    assert shell.json("backends", "--probe")["data"][0]["up"] is False
    assert shell.json("requests")["data"] == []
    assert shell.json("audit", "--reprice")["clean"] is True


def test_a_change_of_the_file_is_planned_then_applied(served: tuple[Shell, subprocess.Popen[bytes]]) -> None:
    shell, _ = served
    assert "changes nothing" in shell.done("plan")
    file = shell.folder / "gateway.yaml"
    before = file.read_text()
    file.write_text(before.replace("input: 1.00/1M", "input: 1.25/1M"))
    assert "25" in shell.done("plan")
    assert {change["kind"] for change in shell.json("apply")["changes"]} == {"price"}
    assert "1.25/1M" in shell.done("models")
    file.write_text(before.replace("input: 1.00/1M", "input: one/1M"))
    refused = shell.run("apply")
    file.write_text(before)
    assert refused.returncode == 1
    assert "one/1M" in refused.stderr
    assert "1.25/1M" in shell.done("models")


def test_another_folder_reaches_it_by_its_url(served: tuple[Shell, subprocess.Popen[bytes]], tmp_path: Path) -> None:
    shell, _ = served
    url = DatabaseLock(shell.folder / "aethergate.db").holder() or ""
    far = Shell(tmp_path, {"AETHERGATE_URL": url, "MASTER_API_KEY": _master_key(shell)})
    far.done("add-user", "far", "--balance", "2.00")
    assert shell.done("check-balance", "far") == "far: 2.00\n"
    far.environ["MASTER_API_KEY"] = "not-the-key-0123456789"
    assert "MASTER_API_KEY" in far.refused("users")
    del far.environ["MASTER_API_KEY"]
    assert "MASTER_API_KEY" in far.refused("users")


def test_init_beside_it_changes_nothing(served: tuple[Shell, subprocess.Popen[bytes]]) -> None:
    shell, _ = served
    assert "in use by a running gateway" in shell.done("init")


def test_a_second_server_on_the_same_file_is_refused(served: tuple[Shell, subprocess.Popen[bytes]]) -> None:
    shell, serving = served
    assert str(serving.pid) in shell.refused("serve", "--port", "0").splitlines()[-1]


def _master_key(shell: Shell) -> str:
    lines = (shell.folder / ".env").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith("MASTER_API_KEY=")]
    return line.split('"')[1]


def test_after_a_crash_the_lock_is_free_and_commands_work_in_process(shell: Shell) -> None:
    serving = serve(shell)
    try:
        assert _url(shell.folder, serving), (shell.folder / "serve.log").read_text()
        shell.done("add-user", "bob", "--balance", "1.00")
    finally:
        serving.kill()
        serving.wait(30)
    assert shell.done("check-balance", "bob") == "bob: 1.00\n"
    assert "aethergate serve" in shell.refused("backends")


def test_on_postgresql_the_instance_row_tells_where_it_serves(bare: Shell, postgres_url: str) -> None:
    bare.environ["DATABASE_URL"] = postgres_url
    assert "aethergate.db" not in bare.done("init")
    bare.done("add-user", "bob", "--balance", "1.00")
    assert "aethergate serve" in bare.refused("backends")
    serving = serve(bare)
    try:
        for _ in range(600):
            if "serving" in (bare.folder / "serve.log").read_text():
                break
            time.sleep(0.05)
        assert bare.done("check-balance", "bob") == "bob: 1.00\n"
        assert {each["name"] for each in bare.json("backends")["data"]} == {"ollama", "embedded"}
    finally:
        serving.terminate()
        assert serving.wait(30) == 0, (bare.folder / "serve.log").read_text()
    assert "aethergate serve" in bare.refused("backends")
    assert bare.json("audit")["clean"] is True
