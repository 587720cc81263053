"""Every test here works in a folder of its own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs to a PostgreSQL is noted below the working directory."""
    monkeypatch.chdir(tmp_path)
