"""What a request to an Ollama is billed, by what that tells of it."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.infra.runtime.test_context import MANIFEST, said
from tests.infra.runtime.test_relay import PATH, stream
from tests.standins.ollama import OllamaStandIn
from tests.standins.running import Running, running

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


@asynccontextmanager
async def old(tmp_path: Path, words: int) -> AsyncIterator[tuple[Running, str]]:
    """A gateway before an Ollama that cuts, whose model has so many tokens of context, cold and with nothing said."""
    async with OllamaStandIn(("qwen2.5:3b",)) as ollama:
        ollama.version, ollama.limit, ollama.count = "0.11.4", words, count
        async with running(tmp_path, MANIFEST, None, backend=ollama.url, **NAMES) as gate:
            yield gate, await gate.key()
            assert all(body["options"]["num_ctx"] == 4096 for _, body in ollama.seen)


def count(text: str) -> int:
    """Words, and runs of spaces."""
    return len(re.findall(r" {2,64}|\S+", text))


def talk(*words: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": "word " * size} for size in words]
    return {"model": "m", "messages": [{"role": "system", "content": "be brief"}, *messages]}


@pytest.mark.parametrize("words", [(800,), (100, 100, 150), (250, 60)])
@pytest.mark.parametrize("streamed", [False, True])
async def test_nobody_is_billed_for_what_an_old_ollama_has_cut(
    tmp_path: Path, words: tuple[int, ...], streamed: bool
) -> None:
    async with old(tmp_path, 300) as (gate, key):
        if streamed:
            error = (await stream(gate, key, {**talk(*words), "stream": True}))[-1]["error"]
        else:
            error = (await gate.post(PATH, key, talk(*words))).json()["error"]
        assert error["code"] == "context_length_exceeded"
        assert "maximum context length is 300 tokens" in error["message"]
        await gate.settled()
        assert [(row.state, row.charged) for row in await gate.requests()] == [("VOID", 0)]


@pytest.mark.parametrize("words", [(290,), (20, 20, 150), (40, 100)])
async def test_what_it_has_read_whole_is_billed_however_dense(tmp_path: Path, words: tuple[int, ...]) -> None:
    async with old(tmp_path, 300) as (gate, key):
        asked = talk(*words)
        asked["messages"][-1]["content"] += " " * 300
        assert (await gate.post(PATH, key, asked)).json()["usage"]["prompt_tokens"] == sum(words) + 2 + 5
        await gate.settled()
        assert [(row.state, row.basis) for row in await gate.requests()] == [("SETTLED", "measured")]
