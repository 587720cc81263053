"""A fresh database of either kind for a test."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; the test runs once per kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/aethergate.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
