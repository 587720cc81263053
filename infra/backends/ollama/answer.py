"""Answers: Ollama's as OpenAI's; usage is `prompt_eval_count` (which includes cached tokens) and `eval_count`."""

import base64
import struct
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from infra.backends.logprobs import legacy
from infra.backends.reply import Repair
from infra.errors import BackendError
from infra.metering.ask import Task
from infra.metering.usage import tokens

_OBJECTS = {"chat": "chat.completion", "completion": "text_completion"}


class OllamaRepair(Repair):
    """Turns one reply of Ollama into OpenAI's shape."""

    repeats = False

    def __init__(self, task: Task, sent: Mapping[str, Any], request_id: str) -> None:
        super().__init__()
        self._task = task
        self._sent = sent
        self._calls = 0
        prefix = "chatcmpl-" if task == "chat" else "cmpl-"
        kind = _OBJECTS.get(task, "list") + (".chunk" if task == "chat" and sent.get("stream") else "")
        self._frame = {"id": prefix + request_id, "object": kind, "created": int(time.time()), "model": sent["model"]}

    async def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self._task == "embedding":
            return self._embeddings(answer)
        said = self._said(answer)
        choice: dict[str, Any] = {"index": 0, **self._logprobs(answer), "finish_reason": self._finish(answer)}
        if self._task == "chat":
            choice["message"] = {"role": "assistant", "content": None if "tool_calls" in said else "", **said}
        else:
            choice["text"] = said.get("text", "")
        usage = _usage(answer)
        return self._frame | {"choices": [choice]} | ({"usage": usage} if usage else {})

    def event(self, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """A piece of content, the finish, the usage: up to three events for Ollama's last line."""
        said = self._said(event)
        if said or not event.get("done"):
            piece = {"delta": said} if self._task == "chat" else {"text": said.get("text", "")}
            yield from super().event(self._chunk(piece | self._logprobs(event), None))
        if event.get("done"):
            rest: dict[str, Any] = {"delta": {}} if self._task == "chat" else {"text": ""}
            yield from super().event(self._chunk(rest, self._finish(event)))
            if usage := _usage(event):
                yield self._frame | {"choices": [], "usage": usage}

    def _chunk(self, piece: dict[str, Any], finish: str | None) -> dict[str, Any]:
        return self._frame | {"choices": [{"index": 0, **piece, "finish_reason": finish}]}

    def _said(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Text, thinking and tool calls, as the fields of a message or delta (completions: `text`)."""
        if self._task == "completion":
            text = answer.get("response")
            return {"text": text} if isinstance(text, str) and text else {}
        message = answer.get("message")
        if not isinstance(message, Mapping):
            return {}
        found = {"content": message.get("content"), "reasoning_content": message.get("thinking")}
        calls = [self._call(call) for call in message.get("tool_calls") or () if isinstance(call, Mapping)]
        return {name: text for name, text in found.items() if text} | ({"tool_calls": calls} if calls else {})

    def _call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        function = call.get("function")
        function = function if isinstance(function, Mapping) else {}
        number, self._calls = self._calls, self._calls + 1
        arguments = msgspec.json.encode(function.get("arguments") or {}).decode()
        found: dict[str, Any] = {
            "id": call.get("id") or f"call_{self._frame['id']}_{number}",
            "type": "function",
            "function": {"name": function.get("name"), "arguments": arguments},
        }
        return {"index": number, **found} if self._sent.get("stream") else found

    def _finish(self, answer: Mapping[str, Any]) -> str:
        if answer.get("done_reason") == "length":
            return "length"
        return "tool_calls" if self._calls else "stop"

    def _logprobs(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        rows = answer.get("logprobs")
        if not isinstance(rows, list):
            return {"logprobs": None}
        rows = [{"bytes": None, "top_logprobs": [], **row} for row in rows if isinstance(row, Mapping)]
        return {"logprobs": {"content": rows} if self._task == "chat" else legacy({"content": rows})}

    def _embeddings(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        vectors = answer.get("embeddings")
        if not isinstance(vectors, list):
            raise BackendError("The backend's answer has no embeddings.")
        shown = _base64 if self._sent.get("encoding_format") == "base64" else list
        data = [{"object": "embedding", "index": i, "embedding": shown(v)} for i, v in enumerate(vectors)]
        usage = _usage(answer)
        if usage is not None:
            usage = {name: usage[name] for name in ("prompt_tokens", "total_tokens") if name in usage}
        return {"object": "list", "data": data, "model": self._sent["model"]} | ({"usage": usage} if usage else {})


def _base64(vector: list[float]) -> str:
    """Little-endian float32, as OpenAI's SDK reads it."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (struct.error, TypeError, OverflowError) as error:
        raise BackendError("The backend's embeddings are not numbers.") from error


def _usage(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """With what came from the cache, where it is told, which is a part of `prompt_eval_count`.

    Older ones leave out `prompt_eval_count` where the whole prompt came from the cache: a usage without
    `prompt_tokens` then, of which only the output was measured.
    """
    sent, produced = tokens(answer.get("prompt_eval_count")), tokens(answer.get("eval_count", 0))
    if produced is not None and "prompt_eval_count" not in answer and "eval_count" in answer:
        return {"completion_tokens": produced}
    if sent is None or produced is None:
        return None
    found = {"prompt_tokens": sent, "completion_tokens": produced, "total_tokens": sent + produced}
    cached = tokens(answer.get("prompt_eval_cached_count"))
    return found if cached is None else {**found, "prompt_tokens_details": {"cached_tokens": min(cached, sent)}}
