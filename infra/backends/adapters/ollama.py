"""Ollama by its own API: `/api/chat`, `/api/generate`, `/api/embed`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from infra.backends import fields
from infra.backends.adapters.base import Adapter, Prepared, Probe
from infra.backends.faults import blame, clean
from infra.backends.ollama.answer import OllamaRepair
from infra.backends.ollama.ask import PATHS, accept, native
from infra.backends.reply import Reply
from infra.backends.sse import Lines, Parser
from infra.errors import GatewayError
from infra.metering.ask import Task
from infra.metering.usage import tokens

_UNKNOWN = fields.names(
    "logit_bias user parallel_tool_calls functions function_call verbosity modalities audio prediction metadata store"
    " service_tier prompt_cache_key prompt_cache_retention safety_identifier echo ignore_eos chat_template_kwargs"
)
"""OpenAI's and others' fields that Ollama has no counterpart for: dropped and named."""


class OllamaAdapter(Adapter):
    """Bodies stay in OpenAI's words until they are sent, so that the relay may still lower `max_tokens`."""

    fields: ClassVar[Mapping[Task, frozenset[str]]] = {
        "chat": (fields.CHAT | fields.OLLAMA) - _UNKNOWN,
        "completion": (fields.COMPLETION | fields.OLLAMA) - _UNKNOWN,
        "embedding": fields.EMBEDDING - _UNKNOWN,
    }
    framing: ClassVar[type[Parser | Lines]] = Lines

    def prepare(self, task: Task, body: Mapping[str, Any], upstream: str) -> Prepared:
        found = self.select(task, body)
        found.body["model"] = upstream
        native(task, found.body)  # says now what cannot be said in Ollama's words
        if found.body.get("tool_choice", "auto") not in ("auto", "none"):
            return Prepared(found.body, (*found.ignored, "tool_choice"))
        return found

    async def ask(self, task: Task, body: Mapping[str, Any], stream: bool, request_id: str) -> Reply:
        sent = native(task, body)
        accept(sent, body, self.backend.accept)
        return await self.send(PATHS[task], sent, stream, request_id, OllamaRepair(task, body, request_id))

    async def probe(self) -> Probe:
        """/api/tags says what is installed, /api/ps what is loaded and with which context; neither loads anything."""
        try:
            status, tags = await self.fetch("GET", "/api/tags")
            if status != 200:
                return Probe(up=False, why=clean(blame(status, tags, {}).message))
            _, loaded = await self.fetch("GET", "/api/ps")
        except GatewayError as error:
            return Probe(up=False, why=error.message)
        contexts = {name: size for name, row in _models(loaded) if (size := tokens(row.get("context_length")))}
        names, running = (tuple(name for name, _ in _models(found)) for found in (tags, loaded))
        return Probe(up=True, models=names, contexts=contexts, loaded=running)


def _models(found: Any) -> list[tuple[str, dict[str, Any]]]:
    rows = found.get("models") if isinstance(found, dict) else None
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [(row["name"], row) for row in rows if isinstance(row.get("name"), str)]
