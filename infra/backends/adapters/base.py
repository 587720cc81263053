"""What every adapter is: it knows one kind of server, is asked in OpenAI's words and answers in OpenAI's shape."""

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import httpx
import msgspec

from infra.backends import fields, media
from infra.backends.faults import NotSent, blame
from infra.backends.reply import Repair, Reply
from infra.backends.sse import Lines, Parser
from infra.backends.transport import NOT_SENT, Answer, BackendTransport, Limits
from infra.config.objects import Backend
from infra.errors import BackendError, BackendTimeout, BadRequest, GatewayError, UnsupportedParameter
from infra.metering.ask import Ask, Task
from infra.metering.context import was_cut

PLAIN = (str, int, float, bool, type(None))
PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A body ready to be sent, and the caller's fields that were left out of it."""

    body: dict[str, Any]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found; `why` is one sentence for the owner where it is not up."""

    up: bool
    why: str | None = None
    models: tuple[str, ...] = ()
    contexts: Mapping[str, int] = field(default_factory=dict)
    """Tokens of context one request has, per model, where the server tells."""
    context: int | None = None
    """The same where the server has one model."""
    slots: int | None = None
    """How many requests the server works on at once, where it tells."""
    capabilities: frozenset[str] = frozenset()
    abilities: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The same per model, where the server tells."""
    running: int | None = None
    """Requests that it works on by its own count, whoever sent them."""
    waiting: int | None = None
    """Requests that wait in it."""
    loaded: tuple[str, ...] | None = None
    """Models in its memory right now, where the server tells."""
    silent: bool = False
    """It did not say that it is down, but nothing in time: it may only be busy."""

    @classmethod
    def failed(cls, error: GatewayError) -> "Probe":
        """What a question that raised this tells."""
        return cls(up=False, why=error.message, silent=isinstance(error, BackendTimeout))


class Adapter(ABC):
    """One backend's server. Public verbs raise GatewayErrors only; `infra.backends` says what each one means."""

    fields: ClassVar[Mapping[Task, frozenset[str]]] = {
        "chat": fields.CHAT,
        "completion": fields.COMPLETION,
        "embedding": fields.EMBEDDING,
    }

    cuts: ClassVar[bool] = False
    """Whether its server may cut a prompt that does not fit, and say nothing."""

    framing: ClassVar[type[Parser | Lines]] = Parser
    """How its streams are cut into events."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.transport = BackendTransport()
        self._warm = replace(backend.deadlines, first_byte=backend.deadlines.first_byte_loaded)
        """For models that are known to be loaded."""
        self.known = Probe(up=False)
        """What the last probe found."""
        self.noticed: Callable[[GatewayError | None], None] = lambda _: None
        """Told how each request ended at the door: an error, or None for an answer (passive health)."""

    @property
    def url(self) -> str:
        """Where the server is now, without a trailing slash."""
        return self.backend.url

    @abstractmethod
    def prepare(self, task: Task, body: Mapping[str, Any], upstream: str) -> Prepared:
        """The body to send, re-serialised from known fields only; raises UnsupportedParameter, BadRequest."""

    @abstractmethod
    async def ask(self, task: Task, body: Mapping[str, Any], stream: bool, request_id: str) -> Reply:
        """Sends a prepared body and waits for the status line."""

    @abstractmethod
    async def probe(self) -> Probe:
        """Whether the server works; never loads a model, never raises."""

    async def count_text(self, upstream: str, text: str) -> int | None:
        """Exact tokens of a text by the backend's tokenizer; None where it has none or does not answer."""
        return None

    async def count_prompt(self, task: Task, body: Mapping[str, Any], upstream: str) -> int | None:
        """Exact tokens of a request's prompt, template included; None as above. Raises what `prepare` raises.

        A body is checked before: whoever counts a prompt may fetch the media that it names.
        """
        return await self.prompt_tokens(task, self.select(task, body).body, upstream)

    async def prompt_tokens(self, task: Task, body: Mapping[str, Any], upstream: str) -> int | None:
        """The same for a body of known fields."""
        return None

    async def count_all(self, given: Any, count: Callable[[str], Awaitable[int | None]]) -> int | None:
        """Sum over the prompts of a field, of which some may be tokens already; None where one cannot be counted."""
        total = 0
        for prompt in prompts(given):
            found = (
                await count(prompt) if isinstance(prompt, str) else len(prompt) if isinstance(prompt, list) else None
            )
            if found is None:
                return None
            total += found
        return total

    def context(self, upstream: str) -> int | None:
        """Tokens that a request to this model has, as far as is known."""
        return self.known.contexts.get(upstream) or self.known.context

    def cut_to(self, ask: Ask, read: int, upstream: str, given: int | None, stated: int | None) -> int | None:
        """The context that a prompt was cut to without a word; None: it was not. `read`: the tokens that the server
        has read, by its word; `given`: the request's context, where that is known; `stated`: what gateway.yaml says."""
        # What the owner states may be more than the server has loaded.
        sizes = [size for size in (given, stated, self.context(upstream)) if size is not None]
        context = min(sizes, default=None)
        if not self.cuts or not was_cut(ask, read, context):
            return None
        return read if context is None or context >= ask.prompt_estimate else context

    def blame(self, status: int, body: Any, headers: Mapping[str, str], upstream: str | None) -> GatewayError:
        """The error that the server's refusal becomes for the caller."""
        return blame(status, body, headers)

    def warm(self, sent: Mapping[str, Any]) -> bool:
        """Whether a body as it is sent finds its model in the server's memory, as far as is known."""
        return sent.get("model") in (self.known.loaded or ())

    async def close(self) -> None:
        """Closes every connection to the backend."""
        await self.transport.aclose()

    def select(self, task: Task, body: Mapping[str, Any]) -> Prepared:
        """The known fields of a body that have a value; refuses what steers the backend, and media by URL."""
        known, accepted = self.fields[task], self.backend.accept
        kept: dict[str, Any] = {}
        ignored: list[str] = []
        for name, value in body.items():
            if name in accepted:
                kept[name] = value
            elif value is None:
                continue
            elif name in fields.STEERING:
                raise UnsupportedParameter(f"'{name}' cannot be set here.", param=name)
            elif name in known:
                kept[name] = value
            elif name not in fields.OURS:
                ignored.append(name)
        _check_template_kwargs(kept)
        _check_prompts(kept)
        if self.backend.media == "data":
            media.check(kept)
        return Prepared(kept, tuple(ignored))

    async def send(self, path: str, body: Mapping[str, Any], stream: bool, request_id: str, repair: Repair) -> Reply:
        """Posts JSON; the reply of a 200, else the error that the answer becomes."""
        limits = self._warm if self.warm(body) else self.backend.deadlines
        # A plain answer says nothing before it is whole, so only its total time can be bounded.
        answer = limits.first_byte if stream else limits.total
        extra = ((b"x-request-id", request_id.encode()), (b"accept", _EVENTS if stream else _JSON))
        found = await self._exchange(
            b"POST", path, msgspec.json.encode(body), Limits(limits.connect, answer, limits.idle), extra
        )
        if found.status == 200:
            self.noticed(None)
            return Reply(found.body, repair, limits, self.framing)
        error = self.blame(*await _refusal(found), body.get("model"))
        self.noticed(error)
        raise error

    async def fetch(self, method: str, path: str, body: Any = None, seconds: float = PROBE_SECONDS) -> tuple[int, Any]:
        """Status and JSON of a short question to the server's own API; raises the BackendError family."""
        content = b"" if body is None else msgspec.json.encode(body)
        found = await self._exchange(method.encode(), path, content, Limits(seconds, seconds, seconds))
        try:
            read = await found.body.aread()
            return found.status, msgspec.json.decode(read) if read else None
        except (httpx.TransportError, msgspec.DecodeError, RecursionError) as error:
            raise BackendError("The backend's answer cannot be read.") from error
        finally:
            await found.body.aclose()

    async def gauges(self, path: str, *names: str) -> list[int | None]:
        """Figures of the server's own Prometheus page, each summed over its labels; None where it does not tell."""
        try:
            found = await self._exchange(b"GET", path, b"", Limits(PROBE_SECONDS, PROBE_SECONDS, PROBE_SECONDS))
            try:
                text = (await found.body.aread()).decode("utf-8", "replace") if found.status == 200 else ""
            finally:
                await found.body.aclose()
        except (GatewayError, httpx.TransportError):
            text = ""
        return [_gauge(text, name) for name in names]

    async def _exchange(
        self, method: bytes, path: str, content: bytes, limits: Limits, extra: Iterable[tuple[bytes, bytes]] = ()
    ) -> Answer:
        headers = [*_ALWAYS, *extra]
        if self.backend.api_key:
            headers.append((b"authorization", f"Bearer {self.backend.api_key}".encode()))
        try:
            return await self.transport.exchange(method, self.url + path, headers, content, limits)
        except NOT_SENT as error:
            refused = NotSent("The backend of this model cannot be reached.", retry_after=2)
            self.noticed(refused)
            raise refused from error
        except httpx.TimeoutException as error:
            raise BackendTimeout("The backend did not answer in time.") from error
        except httpx.TransportError as error:
            raise BackendError("The connection to the backend broke before it answered.") from error


def prompts(found: Any) -> list[Any]:
    """A prompt field as a list of prompts: a text, texts, tokens, lists of tokens."""
    if not isinstance(found, list) or (found and all(type(one) is int for one in found)):
        return [found]
    return found


_JSON, _EVENTS = b"application/json", b"text/event-stream"
_ALWAYS = ((b"content-type", _JSON), (b"user-agent", b"aethergate"), (b"accept-encoding", b"identity"))


def _gauge(page: str, name: str) -> int | None:
    found = re.findall(rf"^{re.escape(name)}(?:\{{[^\n]*\}})? ([0-9.eE+]+)$", page, re.MULTILINE)
    try:
        return round(sum(map(float, found))) if found else None
    except (ValueError, OverflowError):
        return None


async def _refusal(found: Answer) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of an answer that is not a 200."""
    try:
        content = await found.body.aread()
        body = msgspec.json.decode(content) if len(content) < 2**20 else None
    except (httpx.TransportError, msgspec.DecodeError, RecursionError):
        body = None
    finally:
        await found.body.aclose()
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in found.headers}
    return found.status, body, headers


def _check_template_kwargs(body: Mapping[str, Any]) -> None:
    found = body.get("chat_template_kwargs")
    if found is None:
        return
    if not isinstance(found, Mapping):
        raise BadRequest("'chat_template_kwargs' must be an object.", param="chat_template_kwargs")
    for name, value in found.items():
        where = f"chat_template_kwargs.{name}"
        if name in fields.TEMPLATE_NAMES:
            raise UnsupportedParameter(f"'{where}' cannot be set here.", param=where)
        if not isinstance(value, PLAIN):
            raise UnsupportedParameter(f"'{where}' must be a plain value: text, a number, true or false.", param=where)


def _check_prompts(body: Mapping[str, Any]) -> None:
    """llama.cpp takes objects with media inside as prompts, past every check of messages."""
    for name in ("prompt", "input"):
        found = body.get(name)
        if isinstance(found, Mapping) or (isinstance(found, list) and any(isinstance(one, Mapping) for one in found)):
            raise BadRequest(f"'{name}' must be text, a list of texts, or tokens.", param=name)
