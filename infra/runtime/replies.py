"""How answers and errors become bytes: one encoder, one error renderer."""

import re
from collections.abc import AsyncIterable, Sequence
from typing import Any

import msgspec
from quart import Response

from infra.errors import GatewayError

_ENCODER = msgspec.json.Encoder(decimal_format="number")
encode = _ENCODER.encode
"""JSON; Decimals become exact numbers."""
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"
NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(encode(data), status, headers, content_type=JSON)


def stream(parts: AsyncIterable[bytes] | bytes) -> Response:
    """Server-sent events, for as long as they come."""
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    response = Response(parts, 200, headers, content_type=EVENT_STREAM)
    response.timeout = None  # Quart's covers the whole stream
    return response


def refusal(error: GatewayError) -> Response:
    """An error as every client reads it (API_REFERENCE.md, Errors)."""
    return Response(encode(error.body()), error.status, error.headers(), content_type=JSON)


def download(lines: AsyncIterable[bytes], content_type: str, name: str, total: int | None = None) -> Response:
    """A file that is made while it is sent; `total` rows, for a progress bar."""
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    if total is not None:
        headers["x-total-count"] = str(total)
    response = Response(lines, 200, headers, content_type=content_type)
    response.timeout = None  # a slow client may take its time
    return response


def page(html: str) -> Response:
    """A page of its own that runs no script and asks nobody."""
    headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-modals"}
    return Response(html, 200, headers, content_type="text/html; charset=utf-8")


def event(data: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + _ENCODER.encode(data) + b"\n\n"


def comment(text: str) -> bytes:
    """A line that keeps a stream alive and that clients ignore."""
    return f": {text}\n\n".encode()


def named(answer: dict[str, Any], model: str, tier: str | None) -> None:
    """The model by the caller's name and, where one was asked for, the tier that it was served in."""
    answer["model"] = model
    if tier is not None:
        answer["service_tier"] = tier


def sayable(names: Sequence[str]) -> list[str]:
    """Names from a caller's body as a header can carry them: what is no plain word is only counted."""
    plain = [name for name in names if NAME.fullmatch(name)][:32]
    rest = len(names) - len(plain)
    return [*plain, f"+{rest} more"] if rest else plain
