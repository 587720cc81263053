"""What a request asks of a backend, as far as the gateway must understand it to queue, hold and bill it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from infra.metering.usage import Usage

Task = Literal["chat", "completion", "embedding"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to a model. The body is the caller's, parsed; everything else was read from it."""

    task: Task
    model: str
    body: dict[str, Any]
    stream: bool = False
    wants_usage: bool = False
    """The caller asked for the usage chunk of a stream."""
    answers: int = 1
    """How many answers are produced: n × prompts."""
    prompt_bound: int = 0
    """Tokens of all prompts, bounded from above (docs/ledger.md, How much is held)."""
    prompt_estimate: int = 0
    """Tokens of all prompts, guessed (a token is about four bytes): billed only where nobody can count them."""
    output_asked: int | None = None
    """Tokens per answer that the caller limited it to; None: as many as the model allows."""
    tier: str | None = None
    """The `service_tier` that was asked for."""
    output_field: str | None = None
    """The body's field that limits the output, where this task has one: max_tokens."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Delivered content of answer `index`; one piece of a stream is one token where nothing better is known."""

    index: int
    text: str


class Reading(Protocol):
    """How one kind of answer is read for billing; a function's schema.py brings it."""

    @property
    def meters(self) -> tuple[str, ...]:
        """Meters that a model needs a price for at this endpoint."""
        ...

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        """The usage that an answer or an event of a stream reports, None where there is none to believe."""
        ...

    def pieces(self, answer: Mapping[str, Any]) -> Iterable[Piece] | Iterator[Piece]:
        """The content that an answer or event delivers, thinking and tool calls included."""
        ...
