"""Prompts that do not fit: refused with the numbers, and nobody is billed for one that a server cut."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.runtime.test_relay import PATH, stream
from tests.standins.llama import MODEL, start_llama
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai_backend import StandIn
from tests.standins.running import running

MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  one: {{adapter: {adapter}, url: "{backend}", slots: 4}}
models:
  m: {{backend: "one/{model}", price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 8, {context}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [POST /v1/embeddings], function: functions.embeddings}}
"""


def said(words: int) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "word " * words}]}


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.mark.parametrize("streamed", [False, True])
async def test_nobody_is_billed_for_a_prompt_that_was_cut(tmp_path: Path, backend: StandIn, streamed: bool) -> None:
    names = {"adapter": "openai", "backend": backend.url, "model": "m", "context": "context: 100"}
    async with running(tmp_path, MANIFEST, None, **names) as gate:
        key = await gate.key()
        backend.script(pieces=3, usage={"prompt_tokens": 90, "completion_tokens": 3})
        if streamed:
            events = await stream(gate, key, {**said(800), "stream": True})
            error = events[-1]["error"]
        else:
            answer = await gate.post(PATH, key, said(800))
            assert answer.status_code == 400
            error = answer.json()["error"]
        assert error["code"] == "context_length_exceeded"
        assert "maximum context length is 100 tokens" in error["message"]
        assert "about 10" in error["message"]
        await gate.settled()
        (row,) = await gate.requests()
        assert (row.state, row.charged, row.error_code) == ("VOID", 0, "context_length_exceeded")
        assert not gate.gateway.pool.states()[0].failures


@pytest.mark.parametrize(("words", "read"), [(800, 800), (60, 60), (90, 40)])
async def test_a_prompt_of_which_enough_was_read_is_billed(
    tmp_path: Path, backend: StandIn, words: int, read: int
) -> None:
    names = {"adapter": "openai", "backend": backend.url, "model": "m", "context": "context: 1000"}
    async with running(tmp_path, MANIFEST, None, **names) as gate:
        backend.script(pieces=3, usage={"prompt_tokens": read, "completion_tokens": 3})
        answer = await gate.post(PATH, await gate.key(), said(words))
        assert answer.json()["usage"]["prompt_tokens"] == read
        await gate.settled()


async def test_where_the_owner_states_the_context_a_longer_prompt_is_refused_with_both_numbers(tmp_path: Path) -> None:
    llama = await asyncio.to_thread(start_llama)
    try:
        names = {"adapter": "llamacpp", "backend": llama.url, "model": MODEL, "context": "context: 64"}
        async with running(tmp_path, MANIFEST, None, **names) as gate:
            key = await gate.key()
            answer = await gate.post(PATH, key, said(100))
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
            message = answer.json()["error"]["message"]
            assert message.startswith("This model's maximum context length is 64 tokens. However, your messages")
            assert 100 < int(message.split("resulted in ")[1].split()[0]) < 160
            fits = await gate.post(PATH, key, said(20))
            assert fits.status_code == 200
            assert fits.json()["usage"]["prompt_tokens"] <= 64 < 20 * 5
            two = await gate.post(PATH, key, {**said(20), "n": 2})
            assert (two.status_code, len(two.json()["choices"])) == (200, 2), "put together from a stream"
            await gate.settled()
            assert [row.charged > 0 for row in await gate.requests()] == [False, True, True]
    finally:
        await asyncio.to_thread(llama.stop)


async def test_what_ollama_refuses_is_told_with_numbers_and_costs_nothing(tmp_path: Path) -> None:
    async with OllamaStandIn(("qwen2.5:3b",)) as ollama:
        names = {"adapter": "ollama", "backend": ollama.url, "model": "qwen2.5:3b", "context": "limits: {}"}
        text = MANIFEST.replace("slots: 4", "slots: 4, options: {{num_ctx: 300, num_ctx_max: 512}}")
        async with running(tmp_path, text, None, **names) as gate:
            key = await gate.key()
            assert (await gate.post(PATH, key, said(400))).status_code == 200
            assert ollama.seen[-1][1]["options"]["num_ctx"] == 512
            answer = await gate.post(PATH, key, said(600))
            assert answer.json()["error"]["code"] == "context_length_exceeded"
            assert "maximum context length is 512 tokens" in answer.json()["error"]["message"]
            await gate.settled()
            assert [row.charged > 0 for row in await gate.requests()] == [True, False]
