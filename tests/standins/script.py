"""What the OpenAI stand-in says to one request, in OpenAI's shapes; no sockets here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Script:
    """One scripted behaviour. Times are seconds."""

    pieces: int | tuple[str, ...] = 5
    """How many pieces of content, or the pieces themselves; `max_tokens` of the request cuts them."""
    delay: float = 0.0
    """Before each piece."""
    first_delay: float = 0.0
    """Before the status line."""
    usage: dict[str, Any] | bool | str = True
    """True: counted and reported (streams: where include_usage asks); False: omitted; else reported as it stands."""
    die_after: int | None = None
    """The connection is cut when so many pieces are out (plain answers: before any byte)."""
    reset: bool = False
    """Such a cut is a reset (RST) and not an orderly end (FIN)."""
    early: tuple[dict[str, Any], ...] = ()
    """Streams: usages that are reported before the first piece, one event each."""
    hang_after: int | None = None
    """Nothing more is said after so many pieces; the connection stays open."""
    hang_up: bool = False
    """The request is read, then the connection closed without an answer."""
    status: int = 200
    """Any other status answers with `error`."""
    error: dict[str, Any] | None = None
    """The error object of such an answer; None makes one up."""
    error_event: dict[str, Any] | None = None
    """Streams: an {"error": …} event after the pieces."""
    garbage: bytes | None = None
    """These bytes as the whole body instead of an answer."""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = True
    """Streams end with [DONE]."""
    role: bool = True
    """The first delta carries the role."""
    finish: str | None = None
    """finish_reason; None: stop, or length where max_tokens cut."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields added to every answer and event."""
    line_end: bytes = b"\n"

    def error_body(self) -> dict[str, Any]:
        made_up = {"message": "scripted", "type": "server_error", "param": None, "code": None}
        return {"error": self.error if self.error is not None else made_up}

    def cut(self, body: dict[str, Any]) -> list[str]:
        """The pieces of one choice, as far as the request's limit lets them."""
        found = [f"w{i} " for i in range(self.pieces)] if isinstance(self.pieces, int) else list(self.pieces)
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        return found[:limit] if limit else found

    def usage_of(self, body: dict[str, Any], produced: int) -> Any:
        """What is reported: the scripted object, nothing, or the true count."""
        if self.usage is not True:
            return self.usage or None
        said = "".join(_texts(body.get("messages", body.get("prompt", ""))))
        sent = len(said.split())
        return {"prompt_tokens": sent, "completion_tokens": produced, "total_tokens": sent + produced}

    def plain(self, body: dict[str, Any], pieces: list[str], count: int, usage: Any) -> dict[str, Any]:
        """A whole answer of chat or completions."""
        chat, text = "messages" in body, "".join(pieces)
        finish = self._finish(body, pieces)
        choices: list[dict[str, Any]] = [
            {"index": i, "finish_reason": finish, "logprobs": None}
            | ({"message": {"role": "assistant", "content": text}} if chat else {"text": text})
            for i in range(count)
        ]
        answer = self._frame(body, "chat.completion" if chat else "text_completion")
        return answer | {"choices": choices} | ({"usage": usage} if usage is not None else {})

    def events(self, body: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
        """The events of a stream, each with whether it is a piece of content."""
        chat, count = "messages" in body, body.get("n") or 1
        frame = self._frame(body, "chat.completion.chunk" if chat else "text_completion")
        pieces = self.cut(body)
        for index in range(count):
            if chat and self.role:
                delta = {"role": "assistant", "content": ""}
                yield frame | {"choices": [{"index": index, "delta": delta, "finish_reason": None}]}, False
        for usage in self.early:
            yield frame | {"choices": [], "usage": usage}, False
        for piece in pieces:
            for index in range(count):
                said: dict[str, Any] = {"delta": {"content": piece}} if chat else {"text": piece}
                yield frame | {"choices": [{"index": index, "finish_reason": None} | said]}, True
        for index in range(count):
            last: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
            yield frame | {"choices": [{"index": index, "finish_reason": self._finish(body, pieces)} | last]}, False
        if (body.get("stream_options") or {}).get("include_usage") and self.usage is not False:
            yield frame | {"choices": [], "usage": self.usage_of(body, len(pieces) * count)}, False

    def _frame(self, body: dict[str, Any], kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-standin", "object": kind, "created": 1, "model": body.get("model"), **self.extra}

    def _finish(self, body: dict[str, Any], pieces: list[str]) -> str:
        whole = self.pieces if isinstance(self.pieces, int) else len(self.pieces)
        return self.finish or ("length" if len(pieces) < whole else "stop")


def _texts(value: Any) -> Iterator[str]:
    """Every string of content in messages or prompts, with a space after each."""
    if isinstance(value, str):
        yield value + " "
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        yield from _texts(value.get("content", value.get("text", "")))
