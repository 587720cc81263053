"""A gateway with the admin API, once on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.functions.admin import MANIFEST, Admin
from tests.standins.running import running


@pytest.fixture
async def admin(tmp_path: Path, database: str) -> AsyncIterator[Admin]:
    async with running(tmp_path, MANIFEST, database) as found:
        yield Admin(found)
