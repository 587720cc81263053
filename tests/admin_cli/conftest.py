"""The `aethergate` command as a shell runs it: a process, in a folder of its own, on a real SQLite file."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
OURS = ("SECRET_KEY", "MASTER_API_KEY", "DATABASE_URL", "OLLAMA_API_BASE")


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
        """One command; stdin is empty, stdout and stderr are pipes."""
        return subprocess.run(
            [sys.executable, "-m", "admin_cli", *words],
            cwd=self.folder,
            env=self.whole_environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

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
