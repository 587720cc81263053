"""The `aethergate` command as a shell runs it: a process, in a folder of its own, on a real SQLite file.

It is forked from one that has loaded the libraries, which take most of a command's time; test_start, test_up and
test_with_server start Python from nothing.
"""

import json
import multiprocessing
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.admin_cli.forked import LIBRARIES, command

REPOSITORY = Path(__file__).parents[2]
OURS = ("SECRET_KEY", "MASTER_API_KEY", "DATABASE_URL", "OLLAMA_API_BASE")
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(LIBRARIES)


@dataclass
class Shell:
    """Runs command lines in `folder`."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def whole_environ(self) -> dict[str, str]:
        """What is set here, without what the machine that tests may have set for a gateway of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AETHERGATE")}
        kept = {name: value for name, value in kept.items() if name not in OURS}
        return {**kept, "PYTHONPATH": str(REPOSITORY), **self.environ}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command; stdin is empty, stdout and stderr are files."""
        with tempfile.TemporaryDirectory() as aside:
            said, complained = Path(aside, "stdout"), Path(aside, "stderr")
            given = (words, str(self.folder), self.whole_environ(), str(said), str(complained))
            process = _FORKS.Process(target=command, args=given)
            process.start()
            process.join(60)
            if process.exitcode is None:
                process.kill()
                raise subprocess.TimeoutExpired(words, 60)
            return subprocess.CompletedProcess(words, process.exitcode, said.read_text(), complained.read_text())

    def done(self, *words: str) -> str:
        """stdout of a command that must succeed."""
        found = self.run(*words)
        assert found.returncode == 0, found.stderr
        return found.stdout

    def json(self, *words: str) -> Any:
        """The answer of a command that must succeed, with exact amounts."""
        return json.loads(self.done(*words, "--json"), parse_float=Decimal)

    def refused(self, *words: str, code: int = 1) -> str:
        """The one sentence of a command that must fail."""
        found = self.run(*words)
        assert found.returncode == code, (found.returncode, found.stdout, found.stderr)
        assert found.stdout == ""
        assert "Traceback" not in found.stderr
        assert len(found.stderr.strip().splitlines()) == 1, found.stderr
        return found.stderr.strip()


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """An empty folder."""
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def made_ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after `aethergate init`, to be copied: a process and a migration for each test add up to minutes."""
    folder = tmp_path_factory.mktemp("init")
    Shell(folder).done("init")
    return folder


@pytest.fixture
def shell(bare: Shell, made_ready: Path) -> Shell:
    """A folder after `aethergate init`."""
    shutil.copytree(made_ready, bare.folder, dirs_exist_ok=True)
    return bare
