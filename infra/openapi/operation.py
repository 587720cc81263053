"""What a function declares of one of its routes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EVENT_STREAM = "text/event-stream"
PLAIN = "text/plain"


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter of a query."""

    says: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route. `answer` is a Struct, or a media type where the answer is no JSON."""

    answer: Any
    listed: bool = False
    """The answer is a list of these."""
    status: int = 200
    also: tuple[int, ...] = ()
    """Other statuses with the same answer."""
    media: tuple[str, ...] = ()
    """Other media types that the same request may be answered with."""
    query: Mapping[str, Field] = field(default_factory=dict)
    body: Any = None
    errors: tuple[int, ...] = ()
    """Beyond those that every route of its access may give."""
    moves_money: bool = False
    """An Idempotency-Key is required."""


def choice(says: str, *values: str) -> Field:
    """One of these words."""
    return Field(says, {"type": "string", "enum": list(values)})


DAYS = Field("UTC days, today included.", {"type": "integer", "minimum": 1, "maximum": 366})
LIMIT = Field("How many rows.", {"type": "integer", "minimum": 1, "maximum": 1_000})
CURSOR = Field("`next` of the page before.")
USER = Field("A user, by id or name.")
KEY = Field("A key, by id or prefix.")
FROM = Field("From then on: a day (2026-11-24), a time (2026-11-24T12:00:00Z) or epoch seconds.")
TO = Field("Before then; a bare day counts whole.")
PAGE = {"limit": LIMIT, "cursor": CURSOR}
LOG = {
    "id": Field("The request's id, as its answer's x-request-id said."),
    "model": Field("The model that was asked for."),
    "state": choice("How far it came.", "HELD", "STREAMING", "SETTLED", "VOID"),
    "status": Field("One like 402, a class, 5xx, or error for whatever went wrong."),
    "endpoint": Field("The endpoint's name."),
    "basis": choice("How the units were found.", "measured", "partial", "estimated", "recovered"),
    "error": Field("A part of the error's text or code."),
    "from": FROM,
    "to": TO,
}
"""Filters of the request log."""
