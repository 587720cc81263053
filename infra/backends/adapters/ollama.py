"""Ollama by its own API: `/api/chat`, `/api/generate`, `/api/embed`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from infra.backends import fields
from infra.backends.adapters.base import Adapter, Prepared, Probe
from infra.backends.faults import blame, clean
from infra.backends.ollama.answer import OllamaRepair
from infra.backends.ollama.ask import PATHS, accept, native
from infra.backends.ollama.context import largest, num_ctx, told
from infra.backends.reply import Reply
from infra.backends.sse import Lines, Parser
from infra.config.objects import Backend
from infra.errors import ContextTooLong, GatewayError
from infra.metering.ask import Task
from infra.metering.usage import tokens

_UNKNOWN = fields.names(
    "logit_bias user parallel_tool_calls functions function_call verbosity modalities audio prediction metadata store"
    " service_tier prompt_cache_key prompt_cache_retention safety_identifier echo ignore_eos chat_template_kwargs"
)
"""OpenAI's and others' fields that Ollama has no counterpart for: dropped and named."""

SHOWN_AT_ONCE = 20
T = TypeVar("T")


class OllamaAdapter(Adapter):
    """Bodies stay in OpenAI's words until they are sent, so that the relay may still lower `max_tokens`."""

    fields: ClassVar[Mapping[Task, frozenset[str]]] = {
        "chat": (fields.CHAT | fields.OLLAMA) - _UNKNOWN,
        "completion": (fields.COMPLETION | fields.OLLAMA) - _UNKNOWN,
        "embedding": fields.EMBEDDING - _UNKNOWN,
    }
    cuts: ClassVar[bool] = True  # before 0.12 it knew no `truncate`
    framing: ClassVar[type[Parser | Lines]] = Lines

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._limits: dict[str, int] = {}
        """Tokens of context that each model can have at most."""
        self._abilities: dict[str, frozenset[str]] = {}
        self._asked: dict[str, int] = {}
        """The context that each model was asked for last, until a probe finds it unloaded."""

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
        await self._tune(task, sent)
        try:
            return await self._send(task, body, sent, stream, request_id)
        except ContextTooLong as error:
            given, most = self._given(sent), largest(self.backend.options, self._limits.get(sent["model"]))
            if given is None or most is None or most <= given or "num_ctx" in body:
                raise told(error, sent, given) from None
            # More tokens than bytes promise, and nothing was generated: once more with all that there may be.
            sent["options"]["num_ctx"] = self._asked[sent["model"]] = most
            try:
                return await self._send(task, body, sent, stream, request_id)
            except ContextTooLong as again:
                raise told(again, sent, most) from None

    async def _send(
        self, task: Task, body: Mapping[str, Any], sent: Mapping[str, Any], stream: bool, request_id: str
    ) -> Reply:
        return await self.send(PATHS[task], sent, stream, request_id, OllamaRepair(task, body, request_id))

    async def _tune(self, task: Task, sent: dict[str, Any]) -> None:
        """Adds what gateway.yaml says in `options:`; what the owner lets callers say (`accept:`) wins."""
        options, model = self.backend.options, sent["model"]
        if options.keep_alive is not None:
            sent.setdefault("keep_alive", int(options.keep_alive))
        thinks = options.think is False or "thinking" in self._abilities.get(model, ())  # others refuse to be asked to
        if options.think is not None and task != "embedding" and thinks:
            sent.setdefault("think", options.think)
        if "num_ctx" in sent.get("options", {}):
            return
        if options.num_ctx_max is not None and model not in self._limits:
            await self._show(model)
        loaded = self._asked.get(model) or self.known.contexts.get(model)
        size = num_ctx(options, sent, loaded, self._limits.get(model))
        if size is not None:
            self._asked[model] = size
            sent["options"] = {**sent.get("options", {}), "num_ctx": size}

    def warm(self, sent: Mapping[str, Any]) -> bool:
        """For another context than it has, a model is loaded anew."""
        asked, has = sent.get("options", {}).get("num_ctx"), self.known.contexts.get(sent["model"])
        return super().warm(sent) and (asked is None or asked == has)

    def context(self, upstream: str) -> int | None:
        """Where none is known to be loaded, what every request asks for."""
        return super().context(upstream) or self.backend.options.num_ctx_max or self.backend.options.num_ctx

    def _given(self, sent: Mapping[str, Any]) -> int | None:
        """The context that a request had, as far as it is known."""
        found = sent.get("options", {}).get("num_ctx") or self.known.contexts.get(sent["model"])
        return found if isinstance(found, int) else None

    async def _show(self, model: str) -> frozenset[str]:
        """What a model can do; its own limit of context is kept. /api/show loads nothing. Raises the BackendError
        family."""
        status, found = await self.fetch("POST", "/api/show", {"model": model})
        if status != 200 or not isinstance(found, dict):
            return frozenset()
        info = found.get("model_info")
        sizes = [tokens(value) for name, value in (info or {}).items() if name.endswith(".context_length")]
        if sizes and sizes[0]:
            self._limits[model] = sizes[0]
        able = found.get("capabilities")
        return frozenset(each for each in able if isinstance(each, str)) if isinstance(able, list) else frozenset()

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
        self._asked = {name: size for name, size in self._asked.items() if name in _short(dict.fromkeys(running))}
        abilities = await self._able(names)
        return Probe(
            up=True,
            models=names,
            contexts=_short(contexts),
            loaded=tuple(_short(dict.fromkeys(running))),
            abilities=_short(abilities),
            capabilities=frozenset[str]().union(*abilities.values()),
        )

    async def _able(self, names: Sequence[str]) -> dict[str, frozenset[str]]:
        """What each model can do, asked once per model, a few in each probe."""
        for name in [name for name in names if name not in self._abilities][:SHOWN_AT_ONCE]:
            try:
                self._abilities[name] = await self._show(name)
            except GatewayError:
                break  # it will tell at the next probe
        return {name: self._abilities[name] for name in names if name in self._abilities}


def _short(found: Mapping[str, T]) -> dict[str, T]:
    """By each name, and by the short one: `llama3` is `llama3:latest`."""
    return {**{name.removesuffix(":latest"): value for name, value in found.items()}, **found}


def _models(found: Any) -> list[tuple[str, dict[str, Any]]]:
    rows = found.get("models") if isinstance(found, dict) else None
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [(row["name"], row) for row in rows if isinstance(row.get("name"), str)]
