"""A gateway in front of a scripted backend, with what is sold and what came of it, once on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.functions.trade.owner import MANIFEST, Owner
from tests.standins.openai_backend import StandIn
from tests.standins.running import running


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def owner(tmp_path: Path, database: str, backend: StandIn) -> AsyncIterator[Owner]:
    async with running(tmp_path, MANIFEST, database, backend=backend.url) as found:
        yield Owner(found)
