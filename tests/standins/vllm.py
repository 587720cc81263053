"""A stand-in that answers as vLLM 0.32 does: its words are those of a real server, shortened; a token is a word."""

import json
from typing import Any, Self

from aiohttp import web

NAME = "tiny"
FRAME = {"id": "chatcmpl-82e1a943b8729e19", "object": "chat.completion.chunk", "created": 1795792606, "model": NAME}
USAGE = {"prompt_tokens": 23, "total_tokens": 28, "completion_tokens": 5}
PLAIN = {
    "id": "chatcmpl-9330ceabefdffb8b",
    "object": "chat.completion",
    "created": 1795792606,
    "model": NAME,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "'s reach PostgreSQL",
                "refusal": None,
                "annotations": None,
                "audio": None,
                "function_call": None,
                "reasoning": "let us see",
            },
            "logprobs": None,
            "finish_reason": "length",
            "stop_reason": None,
            "token_ids": None,
            "routed_experts": None,
        }
    ],
    "service_tier": None,
    "system_fingerprint": "vllm-0.32.0-a27d7aea",
    "usage": {**USAGE, "prompt_tokens_details": None, "completion_tokens_details": None},
    "prompt_logprobs": None,
}
METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 3.0
vllm:num_requests_running{engine="1",model_name="tiny"} 1.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="tiny"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="tiny",reason="capacity"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="tiny"} 0.5
"""


def validation(field: str, kind: str, message: str, given: str) -> dict[str, Any]:
    """The error of a field of the wrong type."""
    said = f"1 validation error:\n  {{'type': '{kind}', 'loc': 'body.{field}', 'msg': {message!r}, 'input': {given!r}}}"
    return {"message": said, "type": "Bad Request", "param": f"body.{field}", "code": 400}


def refusal(message: str, param: str | None = None) -> dict[str, Any]:
    """Any other error about a request."""
    return {"message": message, "type": "BadRequestError", "param": param, "code": 400}


class VllmStandIn:
    """`seen` holds (path, body) of every POST; `error` answers chats; `context` is its max_model_len."""

    def __init__(self, context: int = 256) -> None:
        self.context = context
        self.healthy = True
        self.error: dict[str, Any] | None = None
        self.deltas: list[dict[str, Any]] = [{"reasoning": "let"}, {"reasoning": " us"}, {"content": "not"}]
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.healthy else 503)

    async def _models(self, _: web.Request) -> web.Response:
        row = {"id": NAME, "object": "model", "owned_by": "vllm", "root": "/models/tiny", "parent": None}
        return web.json_response({"object": "list", "data": [row | {"max_model_len": self.context}]})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=METRICS)

    async def _read(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        self.seen.append((request.path, body))
        return body

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = await self._read(request)
        if not isinstance(body.get("prompt", ""), str):
            error = validation("prompt", "string_type", "Input should be a valid string", "<list of 2 items>")
            return web.json_response({"error": error}, status=400)
        words = str(body.get("prompt") or [m["content"] for m in body["messages"]]).split()
        found = {"count": len(words), "max_model_len": self.context, "tokens": [1] * len(words), "token_strs": None}
        return web.json_response(found)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._read(request)
        if self.error is not None:
            return web.json_response({"error": self.error}, status=400)
        if not body.get("stream"):
            return web.json_response(PLAIN)
        answer = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await answer.prepare(request)
        events = [{"delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}]
        events += [{"delta": d, "logprobs": None, "finish_reason": None, "token_ids": None} for d in self.deltas]
        events += [{"delta": {"content": " can"}, "logprobs": None, "finish_reason": "length", "stop_reason": None}]
        said = [{**FRAME, "choices": [{"index": 0, **event}]} for event in events]
        if body.get("stream_options"):
            said.append({**FRAME, "choices": [], "usage": USAGE})
        for event in said:
            await answer.write(b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n")
        await answer.write(b"data: [DONE]\n\n")
        return answer
