"""Any OpenAI-compatible server: LM Studio, LocalAI, TGI, SGLang, another gateway, OpenAI itself."""

from collections.abc import Mapping
from typing import Any, ClassVar

from infra.backends.adapters.base import Adapter, Prepared, Probe
from infra.backends.faults import blame, clean
from infra.backends.reply import Repair, Reply
from infra.errors import GatewayError
from infra.metering.ask import Task

PATHS: Mapping[Task, str] = {
    "chat": "/v1/chat/completions",
    "completion": "/v1/completions",
    "embedding": "/v1/embeddings",
}


class OpenAIAdapter(Adapter):
    """The `openai` adapter, and what the adapters of OpenAI-compatible servers share."""

    cuts: ClassVar[bool] = True

    def prepare(self, task: Task, body: Mapping[str, Any], upstream: str) -> Prepared:
        """Streams always ask for usage: the bill needs it, the caller sees it only where asked for."""
        found = self.select(task, body)
        found.body["model"] = upstream
        found.body.pop("stream_options", None)
        if found.body.get("stream"):
            found.body["stream_options"] = {"include_usage": True}
        return found

    async def ask(self, task: Task, body: Mapping[str, Any], stream: bool, request_id: str) -> Reply:
        return await self.send(PATHS[task], body, stream, request_id, self.mend(task, body))

    def mend(self, task: Task, body: Mapping[str, Any]) -> Repair:
        """The repair of one reply."""
        return Repair()

    async def probe(self) -> Probe:
        """GET /v1/models: what every such server has, and none loads a model for."""
        try:
            status, found = await self.fetch("GET", "/v1/models")
        except GatewayError as error:
            return Probe.failed(error)
        if status != 200:
            return Probe(up=False, why=clean(blame(status, found, {}).message))
        return self.read_models(found)

    def read_models(self, found: Any) -> Probe:
        """Names, and contexts where the server tells them: `max_model_len` (vLLM, SGLang), `meta.n_ctx` (llama.cpp)."""
        rows = [row for row in _list(found) if isinstance(row.get("id"), str)]
        contexts = {row["id"]: size for row in rows if (size := _context(row)) is not None}
        one = next(iter(contexts.values())) if len(set(contexts.values())) == 1 else None
        return Probe(up=True, models=tuple(row["id"] for row in rows), contexts=contexts, context=one)


def _list(found: Any) -> list[dict[str, Any]]:
    data = found.get("data") if isinstance(found, dict) else None
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def _context(row: dict[str, Any]) -> int | None:
    meta = row.get("meta")
    size = row.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
    return size if type(size) is int and size > 0 else None
