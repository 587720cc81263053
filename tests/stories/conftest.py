"""OpenAI's own SDK before the gateway that a story has started."""

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from tests.standins.running import Running


@pytest.fixture
async def client(gate: Running) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=await gate.key(), max_retries=0, timeout=60) as found:
        yield found
