"""A gateway before a real Ollama, and what its stories say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.standins.ollama_server import OllamaServer
from tests.standins.running import Running, running

SKIPPED = "AETHERGATE_TEST_OLLAMA names no Ollama (docs/backends.md, Ollama)"
MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  box: {{adapter: ollama, url: "{ollama}", slots: 8, options: {{{options}}}}}
models:
  real: {{backend: "box/gate", price: {{input: 0.10/1M, output: 0.40/1M}}}}
  few: {{backend: "box/few", price: {{input: 0.10/1M, output: 0.40/1M}}}}
  muse: {{backend: "box/muse", price: {{input: 0.10/1M, output: 0.40/1M}}}}
  gone: {{backend: "box/gone", price: {{input: 0.10/1M, output: 0.40/1M}}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [POST /v1/completions], function: functions.completions}}
  - {{routes: [POST /v1/embeddings], function: functions.embeddings}}
  - {{routes: [GET /v1/models], function: functions.models}}
"""
HELLO: list[Any] = [{"role": "user", "content": "Say hello to the gateway."}]


@contextlib.asynccontextmanager
async def gateway(folder: Path, server: OllamaServer, options: str) -> AsyncIterator[Running]:
    """With these `options:` of Ollama."""
    async with running(folder, MANIFEST, ollama=server.url, options=options) as found:
        found.client.timeout = 100  # type: ignore[assignment]
        yield found


async def unload(server: OllamaServer) -> None:
    """Until nothing is in its memory."""
    for name in await server.loaded():
        await server.ask("/api/generate", model=name, keep_alive=0)
    while await server.loaded():
        await asyncio.sleep(0.05)


def words(count: int) -> list[Any]:
    """A message of so many words."""
    return [{"role": "user", "content": "word " * count}]
