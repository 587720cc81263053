"""OpenAI's own SDK before the gateway that a story has started, and the real Ollama of some."""

from collections.abc import AsyncIterator, Iterator

import pytest
from openai import AsyncOpenAI

from tests.standins.ollama_server import OllamaServer
from tests.standins.running import Running


@pytest.fixture(scope="session")
def ollama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OllamaServer]:
    """Only for stories that are skipped where there is none."""
    found = OllamaServer(tmp_path_factory.mktemp("ollama"))
    found.start()
    found.create()
    yield found
    found.stop()


@pytest.fixture
async def client(gate: Running) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=await gate.key(), max_retries=0, timeout=60) as found:
        yield found
