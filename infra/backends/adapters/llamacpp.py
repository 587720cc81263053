"""llama.cpp's server (docs/backends.md, llama.cpp)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from infra.backends import fields
from infra.backends.adapters.base import Probe, prompts
from infra.backends.adapters.openai import OpenAIAdapter
from infra.backends.assemble import assembled
from infra.backends.faults import blame, clean
from infra.backends.logprobs import legacy
from infra.backends.reply import Repair, Reply
from infra.errors import GatewayError
from infra.metering.ask import Task
from infra.metering.usage import tokens


class LlamaCppAdapter(OpenAIAdapter):
    """Counts by /tokenize and /apply-template, reads context and slots from /props, who works from /slots."""

    cuts: ClassVar[bool] = False
    fields: ClassVar[Mapping[Task, frozenset[str]]] = {
        "chat": fields.CHAT | fields.LLAMACPP,
        "completion": fields.COMPLETION | fields.LLAMACPP,
        "embedding": fields.EMBEDDING,
    }

    def mend(self, task: Task, body: Mapping[str, Any]) -> Repair:
        return LlamaRepair(task, body)

    async def ask(self, task: Task, body: Mapping[str, Any], stream: bool, request_id: str) -> Reply:
        """Several answers are asked for as a stream: the usage of a plain answer counts only one of them."""
        if stream or not _several(task, body):
            return await super().ask(task, body, stream, request_id)
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        return Gathered(task, await super().ask(task, streamed, True, request_id))

    async def count_text(self, upstream: str, text: str) -> int | None:
        return await self._count(text, special=False)

    async def prompt_tokens(self, task: Task, body: Mapping[str, Any], upstream: str) -> int | None:
        if task == "chat":
            wanted = {name: body[name] for name in ("messages", "tools", "chat_template_kwargs") if name in body}
            found = await self._ask_json("/apply-template", wanted)
            prompt = found.get("prompt")
            return await self._count(prompt, special=True) if isinstance(prompt, str) else None
        given = body.get("prompt" if task == "completion" else "input")
        return await self.count_all(given, lambda text: self._count(text, special=True))

    async def probe(self) -> Probe:
        """/health, /v1/models, /props, /slots and /metrics: none of them waits for a slot."""
        try:
            status, health = await self.fetch("GET", "/health")
            if status != 200:
                return Probe(up=False, why=clean(blame(status, health, {}).message))
            status, props = await self.fetch("GET", "/props")
        except GatewayError as error:
            return Probe.failed(error)
        found = await super().probe()
        if not found.up:
            return found
        found = replace(found, loaded=found.models, running=await self._running())
        (waiting,) = await self.gauges("/metrics", "llamacpp:requests_deferred")  # only with its --metrics
        found = replace(found, waiting=waiting)
        return found if status != 200 else _with_props(found, props)

    async def _running(self) -> int | None:
        """How many of its slots work, whoever asked."""
        try:
            status, slots = await self.fetch("GET", "/slots")
        except GatewayError:
            return None
        if status != 200 or not isinstance(slots, list):
            return None
        return sum(isinstance(slot, dict) and bool(slot.get("is_processing")) for slot in slots)

    def read_models(self, found: Any) -> Probe:
        """Without an alias llama.cpp calls its model by the path of its file, which stays here."""
        probe = super().read_models(found)
        names = {
            name: name.replace("\\", "/").rpartition("/")[2] if name.endswith(".gguf") else name
            for name in probe.models
        }
        contexts = {names[name]: size for name, size in probe.contexts.items()}
        return replace(probe, models=tuple(names.values()), contexts=contexts)

    async def _count(self, text: str, *, special: bool) -> int | None:
        """Tokens of a text; `special` as in a prompt: with BOS where the model has one, control tokens parsed."""
        found = await self._ask_json("/tokenize", {"content": text, "add_special": special, "parse_special": special})
        counted = found.get("tokens")
        return len(counted) if isinstance(counted, list) else None

    async def _ask_json(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The object answered, empty where the server does not answer or refuses: counting is help, not duty."""
        try:
            status, found = await self.fetch("POST", path, body)
        except GatewayError:
            return {}
        return found if status == 200 and isinstance(found, dict) else {}


class LlamaRepair(Repair):
    """Usage that counts one answer of several, several usage events in one stream, legacy shapes
    (docs/backends.md, llama.cpp)."""

    def __init__(self, task: Task, sent: Mapping[str, Any]) -> None:
        super().__init__()
        self.repeats = task != "completion"  # there the length of every text is remembered
        self._task = task
        self._answers = sent.get("n") or 1
        self._usages: list[tuple[int, dict[str, Any]]] = []
        self._frame: dict[str, Any] = {}
        self._offsets: dict[int, int] = {}

    async def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self._task == "completion":
            for choice in answer.get("choices") or ():
                choice["logprobs"] = legacy(choice.get("logprobs"))
        return answer

    def event(self, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        choices = event.get("choices") or []
        if self._task == "completion":
            for choice in choices:
                at = self._offsets.get(choice["index"], 0)
                choice["logprobs"] = legacy(choice.get("logprobs"), at)
                self._offsets[choice["index"]] = at + len(choice.get("text") or "")
        usage = event.pop("usage", None)
        if isinstance(usage, dict):
            # One comes with every choice, in the middle of the others: they are kept for the one at the end.
            self._usages.append((choices[0]["index"] if choices else 0, usage))
            self._frame = {name: value for name, value in event.items() if name not in ("choices", "timings")}
            self._frame |= {"timings": event.pop("timings")} if "timings" in event else {}
            if not choices:
                return ()
        return super().event(event)

    def end(self) -> Iterable[dict[str, Any]]:
        """One usage event for the whole stream, as OpenAI sends it."""
        return [self._frame | {"choices": [], "usage": self._merged()}] if self._usages else ()

    def _merged(self) -> dict[str, Any]:
        """Completion tokens of all choices; each prompt once, of its choices the one that found least in the cache."""
        if len(self._usages) == 1:
            return self._usages[0][1]
        prompts: dict[int, tuple[int, int]] = {}
        produced = 0
        for index, usage in self._usages:
            produced += tokens(usage.get("completion_tokens")) or 0
            sent = tokens(usage.get("prompt_tokens")) or 0
            cached = tokens((usage.get("prompt_tokens_details") or {}).get("cached_tokens")) or 0
            number = index // self._answers
            prompts[number] = min(prompts.get(number, (sent, cached)), (sent, cached))
        return _usage(
            sum(sent for sent, _ in prompts.values()), produced, sum(cached for _, cached in prompts.values())
        )


class Gathered(Reply):
    """A stream that is read as a plain answer."""

    def __init__(self, task: Task, reply: Reply) -> None:
        self._task = task
        self._reply = reply

    async def whole(self) -> dict[str, Any]:
        return assembled(self._task, [event async for batch in self._reply.events() for event in batch])

    async def close(self) -> None:
        await self._reply.close()


def _several(task: Task, body: Mapping[str, Any]) -> bool:
    return task != "embedding" and ((body.get("n") or 1) != 1 or len(prompts(body.get("prompt"))) > 1)


def _usage(sent: int, produced: int, cached: int) -> dict[str, Any]:
    return {
        "completion_tokens": produced,
        "prompt_tokens": sent,
        "total_tokens": sent + produced,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _with_props(found: Probe, props: Any) -> Probe:
    """The probe with what /props knows; its model_path stays here."""
    if not isinstance(props, dict):
        return found
    settings = props.get("default_generation_settings")
    context = tokens(settings.get("n_ctx")) if isinstance(settings, dict) else None
    caps, modalities = props.get("chat_template_caps"), props.get("modalities")
    able = {"tools"} if isinstance(caps, dict) and caps.get("supports_tools") else set()
    able |= {name for name, has in modalities.items() if has} if isinstance(modalities, dict) else set()
    return replace(
        found,
        contexts=dict.fromkeys(found.models, context) if context else found.contexts,
        context=context or found.context,
        slots=tokens(props.get("total_slots")),
        capabilities=frozenset(able),
    )
