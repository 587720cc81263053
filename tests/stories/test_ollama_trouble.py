"""What goes wrong at a real Ollama, where one is given: long prompts, mistakes, leaving, dying, a full queue."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.standins.ollama_server import PROGRAM, OllamaServer, forced
from tests.standins.running import Running
from tests.stories.ollama_gate import HELLO, SKIPPED, gateway, unload, words

pytestmark = pytest.mark.skipif(not PROGRAM, reason=SKIPPED)
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,!!!"}}


@pytest.fixture
async def gate(tmp_path: Path, ollama_server: OllamaServer) -> AsyncIterator[Running]:
    async with gateway(tmp_path, ollama_server, "num_ctx: 1024") as found:
        yield found


async def test_a_context_is_what_gateway_yaml_says_and_grows_for_a_longer_prompt(
    tmp_path: Path, ollama_server: OllamaServer
) -> None:
    async with gateway(tmp_path, ollama_server, "num_ctx: 512, num_ctx_max: 1024, keep_alive: 30m") as gate:
        key = await gate.key()
        for count, context in ((10, 512), (700, 1024), (10, 1024)):
            body = {"model": "real", "messages": words(count), "max_tokens": 2}
            answer = await gate.post("/v1/chat/completions", key, body)
            assert answer.json()["usage"]["prompt_tokens"] > count, answer.text
            assert ollama_server.context() == context
        body = {"model": "real", "messages": words(1500), "max_tokens": 2}
        answer = await gate.post("/v1/chat/completions", key, body)
        assert answer.status_code == 400
        assert "maximum context length is 1024 tokens" in answer.json()["error"]["message"]
        await gate.settled()
        assert [row.charged > 0 for row in await gate.requests()] == [True, True, True, False]
        (name,) = await ollama_server.loaded()
        assert name == "gate:latest"


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_ollama_cuts_without_a_word_is_refused_with_numbers_and_free(
    tmp_path: Path, ollama_server: OllamaServer, streamed: bool
) -> None:
    talk = [*words(300), {"role": "assistant", "content": "ok"}, *words(100)]
    async with gateway(tmp_path, ollama_server, "num_ctx: 256") as gate:
        key = await gate.key()
        for messages in (words(400), talk):
            asked = {"model": "real", "messages": messages, "max_tokens": 2, "stream": streamed}
            answer = await gate.post("/v1/chat/completions", key, asked)
            assert "context_length_exceeded" in answer.text
            assert "maximum context length is 256 tokens" in answer.text
        prompt = {"model": "real", "prompt": "word " * 400, "max_tokens": 2, "stream": streamed}
        assert "context_length_exceeded" in (await gate.post("/v1/completions", key, prompt)).text
        refused = await gate.post("/v1/embeddings", key, {"model": "real", "input": "word " * 400})
        assert "maximum context length is 256 tokens" in refused.json()["error"]["message"]
        await gate.settled()
        assert {row.charged for row in await gate.requests()} == {0}
    body = {"messages": [*talk, *words(30)], "options": {"num_ctx": 256, "num_predict": 2}}
    direct = await ollama_server.ask("/api/chat", model="gate", **body)
    assert (direct["status"], direct["prompt_eval_count"] <= 256) == (200, True), "it does, and says nothing"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"temperature": "hot"}, None),
        ({"top_k": "many"}, None),
        ({"stop": 5}, None),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "zork"}}}}, None),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, None),
        ({"messages": [{"role": 5, "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, None),
        ({"tools": [{"type": "function", "function": {"name": 5}}]}, None),
        ({"tools": "weather"}, None),
        ({"reasoning_effort": "zork"}, "reasoning_effort"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_callers_did_wrong_is_theirs(
    gate: Running, more: dict[str, Any], param: str | None, streamed: bool
) -> None:
    key = await gate.key()
    body = {"model": "real", "messages": HELLO, "max_tokens": 2, "stream": streamed, **more}
    answer = await gate.post("/v1/chat/completions", key, body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert param is None or error["param"] == param
    assert gate.gateway.pool.states()[0].failures == 0
    await gate.settled()


async def test_a_model_that_is_not_there_is_no_backend(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await client.chat.completions.create(model="gone", messages=HELLO)
    assert caught.value.status_code == 503


async def test_who_leaves_ends_the_work(gate: Running, ollama_server: OllamaServer) -> None:
    body = {"model": "real", "messages": HELLO, "stream": True, "response_format": forced(40)}
    headers = {"authorization": f"Bearer {await gate.key()}"}
    async with gate.client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
        pieces = 0
        async for line in answer.aiter_lines():
            pieces += line.startswith("data: ")
            if pieces == 5:
                break
    await asyncio.sleep(0.5)
    before = ollama_server.seconds()
    await asyncio.sleep(0.5)
    assert ollama_server.seconds() - before < 0.1
    await gate.settled()
    (row,) = await gate.requests()
    assert (row.basis, row.status) == ("partial", 499)
    assert gate.gateway.pool.states()[0].busy == 0


@pytest.mark.parametrize("all_of_it", [False, True])
async def test_one_that_dies_ends_the_stream_with_an_error_and_serves_again(
    gate: Running, ollama_server: OllamaServer, all_of_it: bool
) -> None:
    key = await gate.key()
    body = {"model": "real", "messages": HELLO, "stream": True, "response_format": forced(40)}
    lines = []
    async with gate.client.stream(
        "POST", "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    ) as answer:
        async for line in answer.aiter_lines():
            lines += [line] if line.startswith("data: ") else []
            if len(lines) == 5:
                if all_of_it:
                    ollama_server.stop(signal.SIGKILL)
                else:
                    os.kill(ollama_server.runners()[0], signal.SIGKILL)
    assert "error" in json.loads(lines[-1].removeprefix("data: "))
    assert "127.0.0.1" not in lines[-1]
    await gate.settled()
    (row,) = await gate.requests()
    assert (row.basis, 4 <= row.output_tokens <= len(lines)) == ("partial", True)
    assert gate.gateway.pool.states()[0].busy == 0
    if all_of_it:
        ollama_server.start()
    async with asyncio.timeout(30):
        again = {"model": "real", "messages": HELLO, "max_tokens": 2}
        while (await gate.post("/v1/chat/completions", key, again)).status_code != 200:
            await asyncio.sleep(0.2)


async def test_a_full_ollama_is_busy_and_not_broken(gate: Running, ollama_server: OllamaServer) -> None:
    key = await gate.key()
    await unload(ollama_server)
    body = {"model": "real", "messages": HELLO, "max_tokens": 2}
    answers = await asyncio.gather(*(gate.post("/v1/chat/completions", key, body) for _ in range(8)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert len(refused) >= 5
    assert all(answer.json()["error"]["code"] == "overloaded" for answer in refused)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    state = gate.gateway.pool.states()[0]
    assert (state.failures, state.ejected) == (0, False)
    await gate.settled()
    assert sorted(row.charged > 0 for row in await gate.requests()) == [False] * len(refused) + [True] * (
        8 - len(refused)
    )


async def test_a_model_stays_loaded_for_as_long_as_gateway_yaml_says(
    tmp_path: Path, ollama_server: OllamaServer
) -> None:
    async with gateway(tmp_path, ollama_server, "num_ctx: 1024, keep_alive: 1s") as gate:
        body = {"model": "real", "messages": HELLO, "max_tokens": 2}
        assert (await gate.post("/v1/chat/completions", await gate.key(), body)).status_code == 200
        assert await ollama_server.loaded() == ["gate:latest"]
        began = time.monotonic()
        while await ollama_server.loaded():
            await asyncio.sleep(0.1)
        assert time.monotonic() - began < 10, "and not for Ollama's own five minutes"
