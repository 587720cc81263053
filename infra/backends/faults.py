"""Whose fault an answer of a backend is, and what the caller is told about it.

A backend's words reach the caller only where they are about the caller's request, and without addresses and paths.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from infra.errors import (
    BackendError,
    BackendTimeout,
    BadRequest,
    ContextTooLong,
    GatewayError,
    NoBackend,
    Overloaded,
)
from infra.metering.context import too_long

TEXT_MAX = 500


class NotSent(NoBackend):
    """It certainly never reached the backend: refused, not resolved, connect timed out. Safe to send elsewhere."""


class ErrorAnswer(BackendError):
    """The backend answered with an error status: nothing came that anybody could be billed for. Safe to send elsewhere,
    within the retry budget."""


class NotReady(Overloaded):
    """The backend answered 503: it loads, or has no capacity."""


class TookTooLong(BackendTimeout):
    """It was at work all the time, and beyond `deadlines.total`: the owner's limit, no fault of the backend."""


FAILURES = (NotSent, NotReady, BackendError, BackendTimeout)
"""What counts against a backend (infra.backends.ejection). Not a 429, nor what callers did wrong."""


_HIDDEN = re.compile(
    r"[a-z][a-z0-9+.-]*://[^\s\"']+"  # URLs
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"  # IPv4 addresses
    r"|\b(?:localhost|[\w-]+(?:\.[\w-]+)+):\d{2,5}\b"  # host:port
    r"|(?<![\w/])/(?:[\w.@-]+/)+[\w.@-]*"  # absolute paths
    r"|\b[A-Za-z]:\\[^\s\"']+",
    re.IGNORECASE,
)


def clean(text: object) -> str:
    """A backend's words without addresses and paths, at most 500 characters."""
    return _HIDDEN.sub("…", str(text)[: 4 * TEXT_MAX])[:TEXT_MAX]


def said(body: Any) -> tuple[str, Mapping[str, Any]]:
    """The message and the error object of an error body: OpenAI's, llama.cpp's, vLLM's, Ollama's {"error": "text"},
    whose text may be the whole error body of the llama.cpp server behind it."""
    found = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(found, str) and found.startswith("{"):
        found = _opened(found)
    if isinstance(found, Mapping):
        return str(found.get("message") or found.get("detail") or ""), found
    return (found if isinstance(found, str) else ""), {}


def _opened(text: str) -> Any:
    try:
        inner = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return text
    return inner.get("error", inner) if isinstance(inner, Mapping) else text


# llama.cpp: "request (3031 tokens) exceeds the available context size (2048 tokens)", "input (701 tokens) is too large
# to process"; vLLM: "maximum context length is 2048 tokens"; Ollama: "the input length exceeds the context length".
_CONTEXT = re.compile(
    r"exceed\w* (?:the )?(?:available |maximum |model'?s? )*context|maximum context length"
    r"|context[_ ]length[_ ]exceeded|too large to process|longer than the (?:maximum model|context) length"
    r"|prompt is too long",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"(\d+) tokens?\b.*?(\d+)", re.DOTALL)

# docs/backends.md, llama.cpp: mistakes of the client that llama.cpp answers with a 500. Those of the last line: Ollama.
_CLIENTS_500 = re.compile(
    r"Failed to parse (?:messages|tools)|input is not supported|Unsupported tool|Missing '?\w+'? in message"
    r"|no user query found|Tool call IDs should be"
    r"|\[json\.exception|failed to (?:decode|load) image|invalid (?:image|audio)|must be an array"
    r"|option \"\w+\" must be |invalid format: |invalid JSON schema in format",
    re.IGNORECASE,
)


def blame(status: int, body: Any, headers: Mapping[str, str]) -> GatewayError:
    """The error that a backend's refusal becomes for the caller (pure)."""
    message, error = said(body)
    if _is_context(message, error) and status in (400, 413, 422, 500):
        return context_too_long(message, error)
    if status in (400, 413, 415, 422) or (status == 500 and _CLIENTS_500.search(message)):
        param = error.get("param")
        return BadRequest(
            clean(message) or "The backend refused the request.", param=param if isinstance(param, str) else None
        )
    if status in (401, 403):
        return ErrorAnswer(
            "The backend refused the gateway's own credentials; its owner must check them.", should_retry=False
        )
    if status in (404, 405, 501):
        return _missing(status, message, error)
    if status in (429, 503):
        loading = "loading" in message.lower()
        told = "The model is still loading." if loading else "The backend has no capacity left."
        kind = NotReady if status == 503 else Overloaded
        return kind(told, retry_after=retry_after(headers) or (5 if loading else 2))
    if status in (408, 504):
        return BackendTimeout("The backend did not answer in time.")
    return ErrorAnswer(f"The backend failed with status {status}.")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a retry-after header; None where there is none in seconds."""
    try:
        return min(3600.0, max(0.0, float(headers.get("retry-after", ""))))
    except ValueError:
        return None


def _is_context(message: str, error: Mapping[str, Any]) -> bool:
    known = ("exceed_context_size_error", "context_length_exceeded")
    return error.get("type") in known or error.get("code") in known or bool(_CONTEXT.search(message))


def context_too_long(message: str, error: Mapping[str, Any]) -> ContextTooLong:
    """With the numbers where the backend gives them, in OpenAI's words, which clients match on."""
    sent, limit = error.get("n_prompt_tokens"), error.get("n_ctx")
    if not (isinstance(sent, int) and isinstance(limit, int)):
        match = _NUMBERS.search(message)
        if match is None or "maximum context length" in message:
            return ContextTooLong(clean(message) or "The prompt does not fit the model's context.")
        sent, limit = int(match[1]), int(match[2])
    return too_long(limit, sent)


def _missing(status: int, message: str, error: Mapping[str, Any]) -> GatewayError:
    about_model = "model" in message.lower() or error.get("code") == "model_not_found"
    if status == 404 and about_model:
        return NoBackend("The backend does not have this model (any more).", retry_after=30, should_retry=False)
    return BadRequest("The backend of this model does not support this endpoint.", param="model")
