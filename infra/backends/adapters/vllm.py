"""vLLM's OpenAI server. Documented API only: no vLLM runs where this was written."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from infra.backends import fields
from infra.backends.adapters.base import Probe
from infra.backends.adapters.openai import OpenAIAdapter
from infra.errors import GatewayError
from infra.metering.ask import Task
from infra.metering.usage import tokens


class VllmAdapter(OpenAIAdapter):
    """Counts by /tokenize; /health, /v1/models (with max_model_len) and /metrics as the probe."""

    cuts: ClassVar[bool] = False
    fields: ClassVar[Mapping[Task, frozenset[str]]] = {
        "chat": fields.CHAT | fields.VLLM,
        "completion": fields.COMPLETION | fields.VLLM,
        "embedding": fields.EMBEDDING | fields.VLLM_EMBEDDING,
    }

    async def count_text(self, upstream: str, text: str) -> int | None:
        return await self._count({"model": upstream, "prompt": text, "add_special_tokens": False})

    async def prompt_tokens(self, task: Task, body: Mapping[str, Any], upstream: str) -> int | None:
        if task == "chat":
            wanted = {name: body[name] for name in ("messages", "tools", "chat_template_kwargs") if name in body}
            return await self._count({"model": upstream, **wanted})
        prompt = body.get("prompt" if task == "completion" else "input")
        return await self._count({"model": upstream, "prompt": prompt}) if isinstance(prompt, str) else None

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
            return Probe(up=False, why=error.message)
        if status != 200:
            return Probe(up=False, why="The engine is not healthy.")
        found = await super().probe()
        running, waiting = await self.gauges("/metrics", "vllm:num_requests_running", "vllm:num_requests_waiting")
        return replace(found, loaded=found.models, running=running, waiting=waiting) if found.up else found
