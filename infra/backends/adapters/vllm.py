"""vLLM's OpenAI server (docs/backends.md, vLLM)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from infra.backends import fields
from infra.backends.adapters.base import Prepared, Probe
from infra.backends.adapters.openai import OpenAIAdapter
from infra.backends.faults import said
from infra.backends.reply import Repair
from infra.errors import GatewayError
from infra.metering.ask import Task
from infra.metering.context import too_long
from infra.metering.usage import tokens

_GUIDED = {f"guided_{name}": name for name in ("json", "regex", "choice", "grammar")}
_PROMPT = {
    "chat": ("messages", "tools", "add_generation_prompt", "continue_final_message", "add_special_tokens"),
    "completion": ("add_special_tokens",),
    "embedding": ("add_special_tokens",),
}
"""Fields of a request that decide what its prompt is, and that /tokenize knows."""
_NO_ROOM = re.compile(r"^max_(?:completion_)?tokens must be at least 1, got (0|-\d+)\.")
_VALIDATION = re.compile(r"'msg': ('[^']*'|\"[^\"]*\")")
_PARAMETER = re.compile(r"\s*\(parameter=\w+(?:, value=[^\n]*)?\)$")


class VllmAdapter(OpenAIAdapter):
    """Counts by /tokenize; /health, /v1/models (with max_model_len) and /metrics as the probe."""

    cuts: ClassVar[bool] = False
    fields: ClassVar[Mapping[Task, frozenset[str]]] = {
        "chat": (fields.CHAT - fields.HOSTED) | fields.VLLM | fields.VLLM_CHAT,
        "completion": fields.COMPLETION | fields.VLLM | {"response_format"},
        "embedding": fields.EMBEDDING | fields.VLLM_EMBEDDING,
    }

    def prepare(self, task: Task, body: Mapping[str, Any], upstream: str) -> Prepared:
        """An answer longer than the context is refused there, though it may end sooner: no more is asked for."""
        found = super().prepare(task, body, upstream)
        context = self.context(upstream)
        for name in ("max_tokens", "max_completion_tokens"):
            if context is not None and (tokens(found.body.get(name)) or 0) > context:
                found.body[name] = context
        _constrain(found.body)
        return found

    def mend(self, task: Task, body: Mapping[str, Any]) -> Repair:
        return VllmRepair() if task == "chat" else Repair()

    async def count_text(self, upstream: str, text: str) -> int | None:
        return await self._count({"model": upstream, "prompt": text, "add_special_tokens": False})

    async def prompt_tokens(self, task: Task, body: Mapping[str, Any], upstream: str) -> int | None:
        wanted = {"model": upstream} | {name: body[name] for name in _PROMPT[task] if name in body}
        if task == "chat":
            template = _template(body)
            return await self._count(wanted | ({"chat_template_kwargs": template} if template else {}))
        given = body.get("prompt" if task == "completion" else "input")
        return await self.count_all(given, lambda text: self._count(wanted | {"prompt": text}))

    async def _count(self, body: Mapping[str, Any]) -> int | None:
        try:
            status, found = await self.fetch("POST", "/tokenize", body)
        except GatewayError:
            return None
        return tokens(found.get("count")) if status == 200 and isinstance(found, dict) else None

    async def probe(self) -> Probe:
        try:
            status, _ = await self.fetch("GET", "/health")
        except GatewayError as error:
            return Probe.failed(error)
        if status != 200:
            return Probe(up=False, why="The engine is not healthy.")
        found = await super().probe()
        running, waiting = await self.gauges("/metrics", "vllm:num_requests_running", "vllm:num_requests_waiting")
        return replace(found, loaded=found.models, running=running, waiting=waiting) if found.up else found

    def blame(self, status: int, body: Any, headers: Mapping[str, str], upstream: str | None) -> GatewayError:
        """Its words without what is meant for its owner's log; a prompt that leaves no room is one that is too long."""
        message, error = said(body)
        no_room, context = _NO_ROOM.match(message), self.context(upstream or "")
        if status == 400 and no_room is not None and context is not None:
            return too_long(context, context - int(no_room[1]))
        if status == 400 and "validation error" in message.partition("\n")[0]:
            message = " ".join(found[1:-1] for found in _VALIDATION.findall(message)) or message
        param = error.get("param")
        plain = {"param": param.removeprefix("body.") if isinstance(param, str) else None}
        body = {"error": {**error, "message": _PARAMETER.sub("", message), **plain}}
        return super().blame(status, body, headers, upstream)


class VllmRepair(Repair):
    """Thoughts are called `reasoning_content`, as all other servers call them."""

    async def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        for choice in answer.get("choices") or ():
            _rename(choice.get("message"))
        return answer

    def event(self, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        for choice in event.get("choices") or ():
            _rename(choice.get("delta"))
        return super().event(event)


def _rename(message: Any) -> None:
    if isinstance(message, dict) and "reasoning" in message:
        thought = message.pop("reasoning")
        if thought is not None:
            message.setdefault("reasoning_content", thought)


def _constrain(body: dict[str, Any]) -> None:
    """`guided_*` are the names of before, left unread now: the answer comes as if nothing had been asked for."""
    guided = {_GUIDED[name]: body.pop(name) for name in _GUIDED if name in body}
    if guided:
        body.setdefault("structured_outputs", guided)


def _template(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the template gets: in a chat the effort, too, which /tokenize does not know as a field."""
    found = dict(body.get("chat_template_kwargs") or {})
    effort = body.get("reasoning_effort")
    if effort is not None:
        found.setdefault("enable_thinking", effort != "none")
        found["reasoning_effort"] = effort
    return found
