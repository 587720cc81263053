"""A plain answer from the events of a stream, for servers whose plain answers count less than they say."""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.metering.ask import Task

_TEXTS = ("content", "reasoning_content", "refusal")


def assembled(task: Task, events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Chat or completion: every choice's pieces joined, frame and usage as the stream had them."""
    frame: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for event in events:
        frame |= {name: value for name, value in event.items() if name != "choices"}
        for piece in event.get("choices") or ():
            index = piece["index"]
            choice = choices.setdefault(index, {"index": index, "finish_reason": None, "logprobs": None})
            choice["finish_reason"] = piece.get("finish_reason") or choice["finish_reason"]
            _join_logprobs(choice, piece.get("logprobs"))
            if task == "completion":
                choice["text"] = choice.get("text", "") + (piece.get("text") or "")
            else:
                _join(choice.setdefault("message", {"role": "assistant", "content": None}), piece.get("delta") or {})
    kind = "text_completion" if task == "completion" else "chat.completion"
    return frame | {"object": kind, "choices": [choices[index] for index in sorted(choices)]}


def _join(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        if isinstance(delta.get(name), str):
            message[name] = (message.get(name) or "") + delta[name]
    for piece in delta.get("tool_calls") or ():
        calls = message.setdefault("tool_calls", [])
        while len(calls) <= piece.get("index", 0):
            calls.append({"id": None, "type": "function", "function": {"name": "", "arguments": ""}})
        call, function = calls[piece.get("index", 0)], piece.get("function") or {}
        call["id"] = piece.get("id") or call["id"]
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


def _join_logprobs(choice: dict[str, Any], found: Any) -> None:
    """Lists are joined by their names, which serves the chat shape and the legacy one."""
    if isinstance(found, Mapping):
        joined = choice["logprobs"] = choice["logprobs"] or {}
        for name, rows in found.items():
            joined[name] = joined.get(name, []) + rows if isinstance(rows, list) else rows
