"""The `vllm` adapter against the routes that vLLM documents: /health, /v1/models, /tokenize."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.config.objects import Backend
from infra.errors import ContextTooLong
from tests.infra.backends.talk import HELLO, whole

NAME = "Qwen/Qwen2.5-3B-Instruct"


class Vllm:
    """What the adapter asks of a vLLM server."""

    healthy = True

    def __init__(self) -> None:
        self.tokenized: list[dict[str, Any]] = []

    async def health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.healthy else 503)

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": NAME, "object": "model", "max_model_len": 2048}]})

    async def metrics(self, _: web.Request) -> web.Response:
        page = '# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine="0"} 3.0\n'
        page += 'vllm:num_requests_running{engine="1"} 1.0\nvllm:num_requests_waiting{engine="0"} 2.0\n'
        return web.Response(text=page)

    async def tokenize(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.tokenized.append(body)
        words = str(body.get("prompt") or [m["content"] for m in body["messages"]]).split()
        return web.json_response({"count": len(words), "max_model_len": 2048, "tokens": [1] * len(words)})

    async def chat(self, _: web.Request) -> web.Response:
        words = (
            "This model's maximum context length is 2048 tokens. However, you requested 3000 tokens in the messages."
        )
        error = {"message": words, "type": "BadRequestError", "param": None, "code": 400}
        return web.json_response({"object": "error", "error": error}, status=400)


@pytest.fixture
async def vllm() -> AsyncIterator[tuple[Vllm, Adapter]]:
    server, app = Vllm(), web.Application()
    app.router.add_get("/health", server.health)
    app.router.add_get("/v1/models", server.models)
    app.router.add_get("/metrics", server.metrics)
    app.router.add_post("/tokenize", server.tokenize)
    app.router.add_post("/v1/chat/completions", server.chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    adapter = make(Backend("gpu", "vllm", f"http://127.0.0.1:{runner.addresses[0][1]}"))
    yield server, adapter
    await adapter.close()
    await runner.cleanup()


async def test_a_probe_tells_models_and_their_context(vllm: tuple[Vllm, Adapter]) -> None:
    server, adapter = vllm
    found = await adapter.probe()
    assert (found.up, found.models, found.context, found.contexts) == (True, (NAME,), 2048, {NAME: 2048})
    assert (found.loaded, found.running, found.waiting) == ((NAME,), 4, 2)
    server.healthy = False
    assert (await adapter.probe()).up is False


async def test_tokens_are_counted_by_its_tokenizer(vllm: tuple[Vllm, Adapter]) -> None:
    server, adapter = vllm
    assert await adapter.count_text(NAME, "a b c") == 3
    assert server.tokenized[-1] == {"model": NAME, "prompt": "a b c", "add_special_tokens": False}
    assert await adapter.count_prompt("chat", {"messages": HELLO, "temperature": 1}, NAME) == 2
    assert server.tokenized[-1] == {"model": NAME, "messages": HELLO}
    assert await adapter.count_prompt("completion", {"prompt": "a b"}, NAME) == 2
    assert await adapter.count_prompt("completion", {"prompt": ["a", "b"]}, NAME) is None


async def test_its_words_for_a_long_prompt_are_understood(vllm: tuple[Vllm, Adapter]) -> None:
    with pytest.raises(ContextTooLong, match="2048 tokens"):
        await whole(vllm[1], "chat", messages=HELLO)
