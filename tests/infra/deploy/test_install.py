"""The Makefile and its install script: which Python is taken, and what a newcomer is told where it cannot go on."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]


def program(path: Path, body: str) -> None:
    """A small shell program."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make run` needs of the repository, and a folder for programs."""
    (tmp_path / "infra/deploy").mkdir(parents=True)
    shutil.copy(REPOSITORY / "infra/deploy/install.sh", tmp_path / "infra/deploy")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "bin").mkdir()
    return tmp_path


def make(folder: Path, *words: str) -> str:
    """What make says there, also where make itself runs these tests: a make below another one says more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", *words], cwd=folder, env=kept, capture_output=True, text=True, check=True)
    return done.stdout


def install(checkout: Path, path: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with these programs alone on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        ["/bin/sh", "infra/deploy/install.sh", "run"],
        cwd=checkout,
        env={**kept, "PATH": path, **environ},
        capture_output=True,
        text=True,
        timeout=100,
    )


def _with_tools(checkout: Path) -> str:
    """The path: our programs, and the few tools that the script itself uses."""
    for tool in ("sh", "dirname", "mkdir", "grep", "rm", "mv", "touch", "tail", "cut"):
        found = shutil.which(tool)
        assert found is not None
        (checkout / "bin" / tool).symlink_to(found)
    return str(checkout / "bin")


def test_a_python_that_is_too_old_is_one_sentence_that_names_it(checkout: Path) -> None:
    path = _with_tools(checkout)
    program(checkout / "bin/python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")  # a bare shim
    program(checkout / "bin/python3", '[ "$1" = --version ] && echo Python 3.9.2 && exit 0; exit 1')
    refused = install(checkout, path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("AetherGate needs Python 3.11 or newer, and here is Python 3.9.2:")
    assert len(refused.stderr.splitlines()) == 1


def test_no_python_at_all_is_one_sentence(checkout: Path) -> None:
    refused = install(checkout, _with_tools(checkout))
    assert refused.returncode == 1
    assert "here is no Python at all" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_the_first_python_that_really_runs_and_is_new_enough_is_taken(checkout: Path) -> None:
    path = _with_tools(checkout)
    program(checkout / "bin/python3.13", "exit 127")
    program(
        checkout / "bin/python3.12",
        'case "$1" in -c) exit 0;; --version) echo Python 3.12.1;; *) echo "$@" > asked; exit 1;; esac',
    )
    program(checkout / "bin/python3", "exit 0")
    refused = install(checkout, path)
    assert "Making .venv with Python 3.12.1." in refused.stdout
    assert (checkout / "asked").read_text() == "-m venv --clear .venv\n"
    assert "apt install python3-venv" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_without_a_network_it_is_one_sentence(checkout: Path) -> None:
    # Nobody listens on port 9 of this machine: an index that cannot be reached.
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    refused = install(checkout, os.environ["PATH"], PYTHON=sys.executable, **offline)
    assert refused.returncode == 1
    assert refused.stderr.startswith("The packages cannot be downloaded: there is no way to the package index")
    assert len(refused.stderr.splitlines()) == 1
    assert not (checkout / ".venv/.installed-run").exists()


def _planned(checkout: Path, target: str) -> str:
    return make(checkout, "-n", target)


def test_the_first_run_installs_and_later_ones_start_at_once(checkout: Path) -> None:
    assert "install.sh run" in _planned(checkout, "run")
    (checkout / ".venv").mkdir()
    (checkout / ".venv/.installed-run").touch()
    later = _planned(checkout, "run")
    assert "install.sh" not in later
    assert later.splitlines() == [".venv/bin/aethergate init", "exec .venv/bin/aethergate up "]


def test_a_change_of_pyproject_installs_anew(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv/.installed-run").touch()
    soon = time.time() + 5
    os.utime(checkout / "pyproject.toml", (soon, soon))
    assert "install.sh run" in _planned(checkout, "run")


@pytest.mark.parametrize("target", ["test", "check"])
def test_the_tools_of_development_are_installed_for_tests_and_checks(checkout: Path, target: str) -> None:
    assert "install.sh test" in _planned(checkout, target)


def test_every_target_is_said_by_make_help() -> None:
    shown = make(REPOSITORY, "help")
    text = (REPOSITORY / "Makefile").read_text()
    [phony] = [line for line in text.splitlines() if line.startswith(".PHONY:")]
    assert [line.split()[1] for line in shown.splitlines()] == phony.split()[1:]


def test_ci_runs_the_checks_and_the_tests() -> None:
    lines = [line for line in (REPOSITORY / ".ci/run").read_text().splitlines() if line.startswith("make ")]
    assert lines == ["make check", "make test || make test ARGS=--last-failed"]
    assert os.access(REPOSITORY / ".ci/run", os.X_OK)
