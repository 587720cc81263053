"""Ollama by its own API: `/api/chat`, `/api/generate`, `/api/embed`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from infra.backends import fields
from infra.backends.adapters.base import Adapter, Prepared, Probe
from infra.backends.faults import blame, clean
from infra.backends.ollama.answer import OllamaRepair
from infra.backends.ollama.ask import PATHS, accept, native
from infra.backends.ollama.context import DEFAULT_TOKENS, largest, num_ctx, told
from infra.backends.ollama.cut import was_cut
from infra.backends.reply import Reply
from infra.backends.sse import Lines, Parser
from infra.config.objects import Backend
from infra.errors import ContextTooLong, GatewayError
from infra.metering.ask import Ask, Task
from infra.metering.usage import tokens

_UNKNOWN = fields.HOSTED | fields.names("logit_bias user parallel_tool_calls echo ignore_eos chat_template_kwargs")
"""OpenAI's and others' fields that Ollama has no counterpart for: dropped and named."""

SHOWN_AT_ONCE = 20
REFUSES = (0, 13)
"""From this version on it refuses what does not fit, where it is asked to (`truncate` came, went and came again)."""
FILLS = (0, 4)
"""Before this version less than a full context may be left of a prompt that it cut."""
_OWN = re.compile(r"^num_ctx\s+(\d{1,8})\s*$", re.MULTILINE)
T = TypeVar("T")


class OllamaAdapter(Adapter):
    """Bodies stay in OpenAI's words until they are sent, so that the relay may still lower `max_tokens`."""

    fields: ClassVar[Mapping[Task, frozenset[str]]] = {
        "chat": (fields.CHAT | fields.OLLAMA) - _UNKNOWN,
        "completion": (fields.COMPLETION | fields.OLLAMA) - _UNKNOWN,
        "embedding": fields.EMBEDDING - _UNKNOWN,
    }
    cuts: ClassVar[bool] = True
    framing: ClassVar[type[Parser | Lines]] = Lines

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._limits: dict[str, int] = {}
        """Tokens of context that each model can have at most."""
        self._abilities: dict[str, frozenset[str]] = {}
        self._own: dict[str, int] = {}
        """What each model's Modelfile says for `num_ctx`."""
        self._templates: dict[str, int] = {}
        """Bytes that each model's template and system prompt may add to a prompt."""
        self._refuses = False
        """It knows `truncate: false` and never cuts a prompt; until its version is known, it is taken not to."""
        self._halves = True
        """It cuts the middle in large pieces; until its version is known, it is taken to."""
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
            reply = await self._send(task, body, sent, stream, request_id)
            reply.context = self._had(sent)
            return reply
        except ContextTooLong as error:
            given, most = self._given(sent), largest(self.backend.options, self._limits.get(sent["model"]))
            if given is None or most is None or most <= given or "num_ctx" in body:
                raise told(error, sent, given) from None
            # More tokens than bytes promise, and nothing was generated: once more with all that there may be.
            sent["options"]["num_ctx"] = self._asked[sent["model"]] = most
            try:
                reply = await self._send(task, body, sent, stream, request_id)
                reply.context = self._had(sent)
                return reply
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
        if (options.num_ctx_max is not None or not self._refuses) and model not in self._templates:
            await self._show(model)
        # Some of those that cut tell the context of all their parallel requests together: only what was asked is sure.
        loaded = self._asked.get(model) or (self.known.contexts.get(model) if self._refuses else None)
        default = None if self._refuses else self._own.get(model, DEFAULT_TOKENS)
        size = num_ctx(options, sent, loaded, self._limits.get(model), default)
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

    def cut_to(self, ask: Ask, read: int, upstream: str, given: int | None, stated: int | None) -> int | None:
        """Of embeddings every version refuses what does not fit."""
        if self._refuses or ask.task == "embedding":
            return None
        if given is None:
            return super().cut_to(ask, read, upstream, given, stated)
        sent = native(ask.task, {**ask.body, "model": upstream})
        return given if was_cut(sent, read, given, self._templates.get(upstream, 0), self._halves) else None

    def _had(self, sent: Mapping[str, Any]) -> int | None:
        """The context that a request certainly had: no model is given more than its own."""
        asked = sent.get("options", {}).get("num_ctx")
        return min(asked, self._limits.get(sent["model"], asked)) if isinstance(asked, int) else None

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
        if size := tokens(_of_architecture(info, "context_length")):
            self._limits[model] = size
        if own := _OWN.search(str(found.get("parameters"))):
            self._own[model] = int(own[1])
        self._templates[model] = sum(len(str(found.get(name) or "").encode()) for name in ("template", "system"))
        able = found.get("capabilities")
        return frozenset(each for each in able if isinstance(each, str)) if isinstance(able, list) else frozenset()

    async def probe(self) -> Probe:
        """/api/tags says what is installed, /api/ps what is loaded and with which context; neither loads anything."""
        try:
            status, tags = await self.fetch("GET", "/api/tags")
            if status != 200:
                return Probe(up=False, why=clean(blame(status, tags, {}).message))
            _, loaded = await self.fetch("GET", "/api/ps")
            _, version = await self.fetch("GET", "/api/version")
        except GatewayError as error:
            return Probe.failed(error)
        self._refuses, self._halves = _version(version) >= REFUSES, _version(version) < FILLS
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


def _version(found: Any) -> tuple[int, ...]:
    """Of {"version": "0.12.6-rc1"} the numbers; (0,) where there are none."""
    text = found.get("version") if isinstance(found, dict) else None
    numbers = re.match(r"\d{1,6}(\.\d{1,6})*", text) if isinstance(text, str) else None
    return tuple(map(int, numbers[0].split("."))) if numbers else (0,)


def _models(found: Any) -> list[tuple[str, dict[str, Any]]]:
    rows = found.get("models") if isinstance(found, dict) else None
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [(row["name"], row) for row in rows if isinstance(row.get("name"), str)]


def _of_architecture(info: Any, name: str) -> Any:
    """A model of several parts tells it of each; its own stands under the name of its architecture."""
    found = info if isinstance(info, dict) else {}
    own = found.get(f"{found.get('general.architecture')}.{name}")
    return own or next((value for key, value in found.items() if key.endswith(f".{name}")), None)
