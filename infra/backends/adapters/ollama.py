"""Ollama by its own API: `/api/chat`, `/api/generate`, `/api/embed` (docs/backends.md, Ollama)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from infra.backends import fields
from infra.backends.adapters.base import Adapter, Prepared, Probe
from infra.backends.faults import blame, clean
from infra.backends.ollama.answer import OllamaRepair
from infra.backends.ollama.ask import PATHS, accept, has_images, native, thinking
from infra.backends.ollama.context import DEFAULT_TOKENS, EMBEDDING_TOKENS, enough, largest, num_ctx, told
from infra.backends.ollama.cut import was_cut
from infra.backends.ollama.tells import Card, card, models, numbers, short
from infra.backends.reply import Reply
from infra.backends.sse import Lines, Parser
from infra.config.objects import Backend
from infra.errors import BadRequest, ContextTooLong, GatewayError, Overloaded
from infra.metering.ask import Ask, Task
from infra.metering.usage import tokens

_UNKNOWN = fields.HOSTED | fields.names("logit_bias user parallel_tool_calls echo ignore_eos chat_template_kwargs")
"""OpenAI's fields and others' that Ollama has no counterpart for: dropped and named."""

SHOWN_AT_ONCE = 20
FILLS = (0, 4)
"""Before this version less than a full context may be left of a prompt that it cut."""
REFUSES = (0, 13)
"""From this version on it refuses what does not fit, where it is asked to (`truncate` came, went and came again)."""
BATCHES = (0, 30)
"""From this version on llama.cpp's server does the work, with its limit of an embedding's input."""


_READ_SINCE = {
    "think": (0, 9),
    "reasoning_effort": (0, 9),
    "dimensions": (0, 11, 11),
    "logprobs": (0, 12, 11),
    "top_logprobs": (0, 12, 11),
}
"""Older ones answer as if it had not been asked for."""


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
        self._version: tuple[int, ...] = (0,)
        """Until it is known, the server is taken for one that cuts, in large pieces."""
        self._cards: dict[str, Card] = {}
        self._loaded: dict[str, int] = {}
        """The context that each model in its memory has, where it tells."""
        self._asked: dict[str, int] = {}
        """The context that each model was asked for last, until a probe finds it unloaded."""

    @property
    def _refuses(self) -> bool:
        """It knows `truncate: false` and never cuts a prompt."""
        return self._version >= REFUSES

    def _card(self, model: str) -> Card | None:
        return self._cards.get(f"{model}:latest") or self._cards.get(model)

    def prepare(self, task: Task, body: Mapping[str, Any], upstream: str) -> Prepared:
        found = self.select(task, body)
        found.body["model"] = upstream
        sent, known, ignored = native(task, found.body), self._card(upstream) or Card(), [*found.ignored]
        if known.lacks("vision") and (where := has_images(sent)):  # older ones answer as if there were none
            raise BadRequest("This model takes no images.", param=where)
        if known.lacks("thinking") and sent.get("think"):  # a 400 there, and to whoever asks every model so a surprise
            ignored += [name for name in ("think", "reasoning_effort") if found.body.pop(name, None) is not None]
        unread = [name for name, since in _READ_SINCE.items() if (0,) < self._version < since and found.body.get(name)]
        ignored += [name for name in unread if found.body.pop(name)]
        if found.body.get("tool_choice", "auto") not in ("auto", "none"):
            ignored.append("tool_choice")
        return Prepared(found.body, tuple(ignored))

    async def ask(self, task: Task, body: Mapping[str, Any], stream: bool, request_id: str) -> Reply:
        sent = native(task, body)
        accept(sent, body, self.backend.accept)
        await self._tune(task, sent)
        while True:
            try:
                repair = OllamaRepair(task, body, request_id)
                reply = await self.send(PATHS[task], sent, stream, request_id, repair)
                reply.context = self._had(sent)
                return reply
            except ContextTooLong as error:
                given, most = self._given(task, sent), self._most(task, sent["model"])
                known = self._card(sent["model"]) or Card()
                if most is None or most <= (given or 0) or "num_ctx" in body:
                    raise told(error, sent, given) from None
                # More tokens than bytes promise, or less context than is usual, and nothing was generated: once more.
                more = enough(sent, known, cuts=False, most=most) if given is None else most
                self._asked[sent["model"]] = more
                sent["options"] = {**sent.get("options", {}), "num_ctx": more}

    async def _tune(self, task: Task, sent: dict[str, Any]) -> None:
        """Adds what gateway.yaml says in `options:`; what the owner lets callers say (`accept:`) wins."""
        options, model = self.backend.options, sent["model"]
        if options.keep_alive is not None:
            sent.setdefault("keep_alive", int(options.keep_alive))
        known = self._card(model)
        if known is None and (options.num_ctx_max is not None or not self._refuses):
            known = await self._show(model)
        known = known or Card()
        thinks = "thinking" in known.abilities  # others refuse to be asked to
        if task == "completion" and thinks:
            sent.setdefault("think", False)  # nobody would see its thoughts, and the answer might not come for them
        elif task == "chat" and options.think is not None and (thinks or options.think is False):
            sent.setdefault("think", options.think)
        if "think" in sent:
            sent["think"] = thinking(sent["think"], self._version)
        if "num_ctx" in sent.get("options", {}):
            return
        # Some of those that cut tell the context of all their parallel requests together: only what was asked is sure.
        loaded = self._asked.get(model) or (self._loaded.get(model) if self._refuses else None)
        size = num_ctx(options, sent, loaded, known, not self._refuses, self._most(task, model))
        if size is not None:
            self._asked[model] = size
            sent["options"] = {**sent.get("options", {}), "num_ctx": size}

    def _most(self, task: Task, model: str) -> int | None:
        """Tokens up to which `num_ctx` may be raised and that is of use."""
        most = largest(self.backend.options, (self._card(model) or Card()).limit)
        return most if most is None or not self._batches(task) else min(most, EMBEDDING_TOKENS)

    def _batches(self, task: Task) -> bool:
        return task == "embedding" and self._version >= BATCHES

    def warm(self, sent: Mapping[str, Any]) -> bool:
        """For another context than it has, a model is loaded anew; none is given more than its own."""
        asked, has = self._had(sent), self._loaded.get(sent["model"])
        return super().warm(sent) and (asked is None or asked == has)

    def cut_to(self, ask: Ask, read: int, upstream: str, given: int | None, stated: int | None) -> int | None:
        """Of embeddings every version refuses what does not fit."""
        if self._refuses or ask.task == "embedding":
            return None
        if given is None:
            return super().cut_to(ask, read, upstream, given, stated)
        sent, known = native(ask.task, {**ask.body, "model": upstream}), self._card(upstream) or Card()
        return given if was_cut(sent, read, given, known.template, self._version < FILLS) else None

    def blame(self, status: int, body: Any, headers: Mapping[str, str], upstream: str | None) -> GatewayError:
        """A 503 says that its queue is full, and nothing else: others may have room, and it is not broken."""
        error = super().blame(status, body, headers, upstream)
        return Overloaded(error.message, retry_after=error.retry_after or 2) if status == 503 else error

    def _had(self, sent: Mapping[str, Any]) -> int | None:
        """The context that a request certainly had: no model is given more than its own."""
        asked = sent.get("options", {}).get("num_ctx")
        limit = (self._card(sent["model"]) or Card()).limit
        return min(asked, limit or asked) if isinstance(asked, int) else None

    def _given(self, task: Task, sent: Mapping[str, Any]) -> int | None:
        """The context that a request had, as far as it is known."""
        found = sent.get("options", {}).get("num_ctx") or self._loaded.get(sent["model"])
        if self._batches(task):
            return min(found, EMBEDDING_TOKENS) if isinstance(found, int) else EMBEDDING_TOKENS
        return found if isinstance(found, int) else None

    async def _show(self, model: str, digest: str = "") -> Card:
        """Asks and keeps it. Raises the BackendError family."""
        status, found = await self.fetch("POST", "/api/show", {"model": model})
        known = card(found if status == 200 and isinstance(found, dict) else {}, digest)
        self._cards[model] = known
        return known

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
        self._version = numbers(version)
        running = short(dict(models(loaded)))
        self._loaded = {name: size for name, row in running.items() if (size := tokens(row.get("context_length")))}
        self._asked = {name: size for name, size in self._asked.items() if name in running}
        installed = models(tags)
        await self._learn(installed)
        known = {name: found for name, _ in installed if (found := self._cards.get(name))}
        abilities = {name: found.abilities for name, found in known.items()}
        contexts = {name: size for name, found in known.items() if (size := self._usual(name, found))}
        return Probe(
            up=True,
            models=tuple(name for name, _ in installed),
            contexts=short(contexts),
            loaded=tuple(running),
            abilities=short(abilities),
            capabilities=frozenset[str]().union(*abilities.values()),
        )

    def _usual(self, name: str, known: Card) -> int | None:
        """The context that a request can have; None: Ollama's own, which it tells once the model is loaded."""
        options, unsaid = self.backend.options, None if self._refuses else DEFAULT_TOKENS
        loaded = self._loaded.get(name) if self._refuses else None
        found = largest(options, known.limit) or options.num_ctx or loaded or known.own or unsaid
        return found and min(found, known.limit or found)

    async def _learn(self, installed: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """What each model can do, asked once per model and whenever it is another, a few in each probe."""
        digests = {name: str(row.get("digest")) for name, row in installed}
        unknown = [name for name, digest in digests.items() if self._cards.get(name, Card()).digest != digest]
        for name in unknown[:SHOWN_AT_ONCE]:
            try:
                await self._show(name, digests[name])
            except GatewayError:
                break  # it will tell at the next probe
