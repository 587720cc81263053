"""What a request to an Ollama is billed, by what that tells of it."""

import json
from pathlib import Path

import pytest

from tests.infra.runtime.test_context import MANIFEST, said
from tests.infra.runtime.test_relay import PATH, stream
from tests.standins.ollama import OllamaStandIn
from tests.standins.running import running

NAMES = {"adapter": "ollama", "model": "qwen2.5:3b", "context": "limits: {}"}


@pytest.mark.parametrize("streamed", [False, True])
async def test_of_a_prompt_that_came_from_the_cache_untold_the_output_is_billed_as_measured(
    tmp_path: Path, streamed: bool
) -> None:
    async with OllamaStandIn(("qwen2.5:3b",)) as ollama:
        ollama.tells_prompt, ollama.hidden = False, 2
        async with running(tmp_path, MANIFEST, None, backend=ollama.url, **NAMES) as gate:
            key = await gate.key()
            if streamed:
                await stream(gate, key, {**said(40), "stream": True})
            else:
                assert (await gate.post(PATH, key, said(40))).json()["usage"]["completion_tokens"] == 7
            await gate.settled()
            (row,) = await gate.requests()
            size = len(json.dumps(said(40)["messages"], separators=(",", ":")))
            assert (row.basis, row.output_tokens, row.input_tokens) == ("estimated", 7, size // 4)
