"""A stand-in that speaks Ollama's documented API (docs/api.md): a real socket, no model.

It answers chats with `w0 w1 …` (as many as `num_predict`, at most `pieces`), thinks where `think` asks, calls the first
tool where there is one and the user says "weather", and counts a prompt in words. Prompts over `context` words are
refused where `truncate` is false and the version knows it, else cut silently as Ollama does.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, Self

from aiohttp import web

STATISTICS = {"total_duration": 5_043_500_667, "load_duration": 5_025_959, "prompt_eval_duration": 325_953_000}


class OllamaStandIn:
    """`url` is its base; `seen` holds (path, body) of every request for a model."""

    def __init__(self, models: tuple[str, ...] = ("qwen2.5:3b",), pieces: int = 5, context: int = 100) -> None:
        self.models = models
        self.pieces = pieces
        self.context = context
        self.delay = 0.0
        self.break_after: int | None = None
        """Streams end with an {"error": …} line after so many pieces."""
        self.version = "0.40.0"
        self.parameters = ""
        """What the Modelfiles say."""
        self.count: Callable[[str], int] = lambda text: len(text.split())
        """Its tokenizer."""
        self.tells_prompt = True
        """False: `prompt_eval_count` is left out, as older ones do where the whole prompt came from the cache."""
        self.hidden = 0
        """Tokens of an answer beyond its pieces: half characters are not sent alone."""
        self.limit = 1_000
        """The models' own limit of context; `num_ctx` sets `context` for a request."""
        self.capabilities = ["completion", "tools", "thinking"]
        self.abilities: dict[str, list[str]] = {}
        """What single models can do, where it is something else."""
        self.loaded: set[str] = set()
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_get("/api/tags", self._tags)
        app.router.add_get("/api/ps", self._ps)
        app.router.add_get("/api/version", self._version)
        app.router.add_post("/api/show", self._show)
        for path, answer in (("chat", self._chat), ("generate", self._generate), ("embed", self._embed)):
            app.router.add_post(f"/api/{path}", self._door(answer))
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _tags(self, _: web.Request) -> web.Response:
        return web.json_response({"models": [{"name": name, "model": name, "size": 1} for name in self.models]})

    async def _ps(self, _: web.Request) -> web.Response:
        rows = [{"name": name, "model": name, "context_length": self.context} for name in sorted(self.loaded)]
        return web.json_response({"models": rows})

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _show(self, request: web.Request) -> web.Response:
        model = json.loads(await request.read())["model"]
        if model not in self.models:
            return web.json_response({"error": "not found"}, status=404)
        info = {"general.architecture": "qwen2", "qwen2.context_length": self.limit}
        able = self.abilities.get(model, self.capabilities)
        return web.json_response({"model_info": info, "capabilities": able, "parameters": self.parameters})

    def _door(self, answer: Any) -> Any:
        """What every route for a model does first."""

        async def handle(request: web.Request) -> web.StreamResponse:
            body = json.loads(await request.read())
            self.seen.append((request.path, body))
            if body["model"] not in self.models and f"{body['model']}:latest" in self.models:
                body["model"] += ":latest"
            if body["model"] not in self.models:
                return web.json_response({"error": f"model '{body['model']}' not found"}, status=404)
            self.loaded.add(body["model"])
            self.context = min(self.limit, (body.get("options") or {}).get("num_ctx", self.context))
            if self._size(body) > self.context and body.get("truncate") is False and self._knows_truncate(request.path):
                return web.json_response({"error": "the input length exceeds the context length"}, status=400)
            return await answer(request, body)

        return handle

    async def _chat(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return await self._tell(request, body, [{"message": m} for m in self._messages(body)])

    async def _generate(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return await self._tell(request, body, [{"response": f"w{i} "} for i in range(self._count(body))])

    async def _embed(self, _: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vectors = [[0.5, -0.25, float(len(text))] for text in texts]
        return web.json_response(
            {"model": body["model"], "embeddings": vectors, "prompt_eval_count": self._size(body), **STATISTICS}
        )

    def _knows_truncate(self, path: str) -> bool:
        """Of embeddings every version does."""
        return path == "/api/embed" or self.version >= "0.13"

    def _size(self, body: dict[str, Any]) -> int:
        """Of the prompt, in tokens."""
        texts = [m.get("content") or "" for m in body.get("messages", ())] + [body.get("prompt") or ""]
        given = body.get("input", [])
        texts += [given] if isinstance(given, str) else given
        return sum(self.count(text) for text in texts)

    def _fitting(self, body: dict[str, Any]) -> dict[str, Any]:
        """Without the oldest messages, as many as must go, except the system's and the last one."""
        messages = body.get("messages", [])
        for first in range(len(messages)):
            kept = [m for m in messages[:first] if m["role"] == "system"] + messages[first:]
            if self._size({"messages": kept}) <= self.context or first == len(messages) - 1:
                return {**body, "messages": kept}
        return body

    def _count(self, body: dict[str, Any]) -> int:
        return min(self.pieces, (body.get("options") or {}).get("num_predict", self.pieces))

    def _messages(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if body.get("think"):
            yield {"role": "assistant", "content": "", "thinking": "hmm"}
        if body.get("tools") and "weather" in str(body["messages"][-1]["content"]):
            name = body["tools"][0]["function"]["name"]
            call = {"function": {"name": name, "arguments": {"city": "Paris"}}}
            yield {"role": "assistant", "content": "", "tool_calls": [call]}
            return
        if body.get("format"):
            yield {"role": "assistant", "content": '{"ok": true}'}
            return
        for number in range(self._count(body)):
            yield {"role": "assistant", "content": f"w{number} "}

    async def _tell(self, request: web.Request, body: dict[str, Any], said: list[dict[str, Any]]) -> web.StreamResponse:
        frame = {"model": body["model"], "created_at": "2026-11-23T08:52:19.385406455-07:00"}
        cut = len(said) < self.pieces and "num_predict" in (body.get("options") or {})
        read = min(self.context, self._size(self._fitting(body)))
        counts = {"prompt_eval_count": read, "eval_count": len(said) + self.hidden}
        if not self.tells_prompt:
            del counts["prompt_eval_count"]
        last = {"done": True, "done_reason": "length" if cut else "stop", **STATISTICS, **counts}
        if body.get("stream") is False:
            return web.json_response({**frame, **_joined(said), **last})
        answer = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await answer.prepare(request)
        for number, piece in enumerate(said):
            if self.break_after == number:
                await answer.write(
                    b'{"error":"llama runner process has terminated: /usr/lib/ollama/x at 10.0.0.7:99"}\n'
                )
                return answer
            await asyncio.sleep(self.delay)
            await answer.write(json.dumps({**frame, **piece, "done": False}).encode() + b"\n")
        empty = {"message": {"role": "assistant", "content": ""}} if "messages" in body else {"response": ""}
        await answer.write(json.dumps({**frame, **empty, **last}).encode() + b"\n")
        return answer


def _joined(said: list[dict[str, Any]]) -> dict[str, Any]:
    """One answer from the pieces of a stream."""
    if said and "response" in said[0]:
        return {"response": "".join(piece["response"] for piece in said)}
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for piece in said:
        for name, value in piece["message"].items():
            if name == "tool_calls":
                message[name] = value
            elif name != "role":
                message[name] = message.get(name, "") + value
    return {"message": message}
