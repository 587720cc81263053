"""A stand-in that speaks Ollama's API as 0.5.4 and 0.9.3 were heard to, and newer ones by their source: a real socket,
no model.

It answers chats with `w0 w1 …` (as many as `num_predict`, at most `pieces`), thinks where `think` asks, calls the first
tool where there is one and the user says "weather", and counts a prompt in words. Prompts over `context` words are
refused where `truncate` is false and the version knows it, else cut silently as Ollama does.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Self

from aiohttp import web

SHOWS, LEVELS, REFUSES, TELLS, NAMES, BEHIND = (0, 6, 4), (0, 11), (0, 13), (0, 11), (0, 13), (0, 30)
"""The versions that tell abilities, know levels of thinking, refuse what does not fit, tell a loaded model's context,
name tool calls, and leave the work to llama.cpp's server."""
EMBEDDING_TOKENS = 2048
_OPTIONS = {"temperature": "float32", "top_p": "float32", "top_k": "integer", "seed": "integer", "stop": "array"}
_KINDS = {"float32": (float, int), "integer": (float, int), "array": (list,)}
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
        self.digest = "0504a3a26a1e"
        self.capabilities = ["completion", "tools", "thinking", "vision"]
        self.abilities: dict[str, list[str]] = {}
        """What single models can do, where it is something else."""
        self.own: int | None = None
        """The context of who is told none; None: what it had last."""
        self.remote: set[str] = set()
        """Models that ollama.com runs."""
        self.messages: list[dict[str, str]] = []
        """What the Modelfiles say."""
        self.cached: int | None = None
        """Tokens of a prompt that came from the cache, where it tells."""
        self.calls_last = False
        """Tool calls come with the last line of a stream."""
        self.full = False
        """Its queue has no room."""
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
        rows = [{"name": name, "model": name, "size": 1, "digest": self.digest} for name in self.models]
        cloud = {"remote_model": "big:1t", "remote_host": "https://ollama.com:443"}
        return web.json_response({"models": [{**row, **(cloud if row["name"] in self.remote else {})} for row in rows]})

    async def _ps(self, _: web.Request) -> web.Response:
        tells = {"context_length": self.context} if self.at_least(TELLS) else {}
        rows = [{"name": name, "model": name, "size_vram": 0, **tells} for name in sorted(self.loaded)]
        return web.json_response({"models": rows})

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    def at_least(self, version: tuple[int, ...]) -> bool:
        """Whether it is that or newer."""
        return tuple(map(int, re.findall(r"\d+", self.version.partition("-")[0]))) >= version

    async def _show(self, request: web.Request) -> web.Response:
        model = json.loads(await request.read())["model"]
        if model not in self.models:
            return web.json_response({"error": f"model '{model}' not found"}, status=404)
        info = {"general.architecture": "qwen2", "qwen2.context_length": self.limit}
        found: dict[str, Any] = {"model_info": info, "parameters": self.parameters}
        if self.messages:
            found["messages"] = self.messages
        return web.json_response({**found, **({"capabilities": self._able(model)} if self.at_least(SHOWS) else {})})

    def _able(self, model: str) -> list[str]:
        return self.abilities.get(model, self.capabilities)

    def _door(self, answer: Any) -> Any:
        """What every route for a model does first."""

        async def handle(request: web.Request) -> web.StreamResponse:
            body = json.loads(await request.read())
            self.seen.append((request.path, body))
            if body["model"] not in self.models and f"{body['model']}:latest" in self.models:
                body["model"] += ":latest"
            status, words = self._refusal(body)
            if status == 500 and "format" in words and body.get("stream") and not self.at_least(REFUSES):
                return web.Response(text=json.dumps({"error": words}) + "\n", content_type="application/x-ndjson")
            if status:
                return web.json_response({"error": words}, status=status)
            self.loaded.add(body["model"])
            self.context = min(self.limit, (body.get("options") or {}).get("num_ctx", self.own or self.context))
            if words := self._too_long(request.path, body):
                return web.json_response({"error": words}, status=400)
            return await answer(request, body)

        return handle

    def _refusal(self, body: dict[str, Any]) -> tuple[int, str]:
        """Of what it does not try: status and words; 0: nothing is wrong."""
        model, think = body["model"], body.get("think")
        if model not in self.models:
            return 404, f'model "{model}" not found, try pulling it first'
        if isinstance(think, str) and not self.at_least(LEVELS):
            return 400, "json: cannot unmarshal string into Go struct field ChatRequest.think of type bool"
        if isinstance(think, str) and think not in ("low", "medium", "high", "max"):
            return 400, f'invalid think value: "{think}" (must be "high", "medium", "low", "max", true, or false)'
        for what, field in (("thinking", think), ("tools", body.get("tools"))):
            if field and self.at_least(SHOWS) and what not in self._able(model):
                return 400, f"registry.ollama.ai/library/{model} does not support {what}"
        for name, value in (body.get("options") or {}).items():
            kind = _OPTIONS.get(name)
            if kind and (not isinstance(value, _KINDS[kind]) or isinstance(value, bool)):
                return 500, f'option "{name}" must be of type {kind}'
        if isinstance(form := body.get("format"), dict) and form.get("type") == "zork":
            return 500, "invalid JSON schema in format"
        return (503, "server busy, please try again.  maximum pending requests exceeded") if self.full else (0, "")

    def _too_long(self, path: str, body: dict[str, Any]) -> str:
        """Its words for a prompt that does not fit, where it refuses one."""
        size, embeds = self._size(body), path == "/api/embed"
        if embeds and self.at_least(BEHIND):
            return "the input length exceeds the context length" if size > min(self.context, EMBEDDING_TOKENS) else ""
        if size <= self.context or body.get("truncate") is not False or not (embeds or self.at_least(REFUSES)):
            return ""
        if not self.at_least(BEHIND):
            return "input length exceeds maximum context length" if embeds else "prompt exceeds the context length"
        words = f"request ({size} tokens) exceeds the available context size ({self.context} tokens), try increasing it"
        inner = {"code": 400, "message": words, "type": "exceed_context_size_error"}
        return json.dumps({"error": {**inner, "n_prompt_tokens": size, "n_ctx": self.context}})

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
            call: dict[str, Any] = {"function": {"name": name, "arguments": {"city": "Paris"}}}
            if self.at_least(NAMES):
                call = {"id": "call_x9f2k1qz", "function": {"index": 0, **call["function"]}}
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
        if self.cached is not None:
            counts["prompt_eval_cached_count"] = self.cached
        last = {"done": True, "done_reason": "length" if cut else "stop", **STATISTICS, **counts}
        if body.get("stream") is False:
            return web.json_response({**frame, **_joined(said), **last})
        answer = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await answer.prepare(request)
        if self.calls_last and said and "tool_calls" in said[-1].get("message", {}):
            last |= said.pop()
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
