"""Counts what a backend delivers and turns the end of a request into a bill (docs/ledger.md, What is billed)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from infra.metering.ask import Ask, Reading
from infra.metering.bounds import Bounds
from infra.metering.price import Units
from infra.metering.usage import Basis, Usage

Ending = Literal["complete", "client_left", "backend_died"]


class Counter(Protocol):
    """The backend's own tokenizer; None where it has none or does not answer."""

    async def text(self, text: str) -> int | None:
        """Tokens of a text."""
        ...

    async def prompt(self) -> int | None:
        """Tokens of the request's prompts, template and all."""
        ...


@dataclass(frozen=True, slots=True)
class Bill:
    """What is charged: units, and how they were found."""

    units: Units
    basis: Basis


class Meter:
    """One per request; `see` every answer or event, then `bill`."""

    def __init__(self, ask: Ask, reading: Reading, bounds: Bounds) -> None:
        self._ask = ask
        self._reading = reading
        self.bounds = bounds
        self.reported: Usage | None = None
        self._stale = False
        """Content came after the last usage that was reported, which cannot have counted it."""
        self.pieces = 0
        """Pieces of content seen: a stream's count of tokens where nothing better is known."""
        self._texts: dict[int, list[str]] = {}
        self._failed = False

    def see(self, answer: Mapping[str, Any]) -> None:
        """Counts one answer or one event of a stream. A later usage replaces an earlier one."""
        usage = self._reading.usage(answer)
        if usage is not None:
            self.reported, self._stale = usage, False
        for piece in self._reading.pieces(answer):
            self._stale = usage is None
            self.pieces += 1
            self._texts.setdefault(piece.index, []).append(piece.text)
        choices = answer.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("finish_reason") == "error":
                self._failed = True

    def counts(self, event: Mapping[str, Any]) -> bool:
        """Whether the event delivers anything."""
        return any(True for _ in self._reading.pieces(event))

    def see_text(self, index: int, text: str) -> None:
        """Counts an event of a stream that delivers this text of answer `index` and says nothing else."""
        if text:
            self._stale = True
            self.pieces += 1
            self._texts.setdefault(index, []).append(text)

    def so_far(self) -> Units:
        """What the request would be billed if the process died now: a checkpoint, kept on the low side."""
        if self.reported is None:
            return Units(input=min(self._ask.prompt_estimate, self.bounds.prompt), output=self.pieces, request=1)
        output = max(self.reported.output, self.pieces) if self._stale else self.reported.output
        prompt = self._ask.prompt_estimate if self.reported.input is None else self.reported.input
        return self._units(self.reported, prompt, output)

    async def bill(self, ending: Ending, counter: Counter) -> Bill | None:
        """The bill by the table of docs/ledger.md, What is billed; None for nothing."""
        if ending == "backend_died" and not self.pieces:
            return None
        if self._failed and not self.pieces:
            return None
        told = self.reported or Usage(None)
        prompt = await self._prompt(counter) if told.input is None else told.input
        if self.reported is not None and not self._stale:
            return Bill(await self._measured(told, prompt, counter), "estimated" if told.input is None else "measured")
        least = told.output
        if ending == "complete":
            output = await self._delivered(counter)
            output = self._guess() if output is None else output
            return Bill(self._units(self.reported, prompt, max(least, output)), "estimated")
        return Bill(self._units(self.reported, prompt, max(least, self.pieces)), "partial")

    async def _measured(self, usage: Usage, prompt: int, counter: Counter) -> Units:
        """The reported usage; where it may count one of several answers or prompts, what came if that is more."""
        if self._ask.answers == 1:
            return self._units(usage, prompt, usage.output)
        delivered = await self._delivered(counter) or 0
        counted = await counter.prompt() or 0
        return self._units(usage, max(prompt, counted), max(usage.output, delivered))

    async def _delivered(self, counter: Counter) -> int | None:
        """Tokens of all the text that came, each answer counted alone; None without a tokenizer."""
        total = 0
        for pieces in self._texts.values():
            counted = await counter.text("".join(pieces))
            if counted is None:
                return None
            total += counted
        return total

    def _guess(self) -> int:
        """Without a tokenizer: one token per piece of a stream, four bytes per token of an answer in one piece."""
        if self._ask.stream:
            return self.pieces
        return sum(-(-len("".join(pieces).encode()) // 4) for pieces in self._texts.values())

    async def _prompt(self, counter: Counter) -> int:
        counted = await counter.prompt()
        return self._ask.prompt_estimate if counted is None else counted

    def _units(self, usage: Usage | None, prompt: int, output: int) -> Units:
        """Clamped to what was asked: a backend's mistake is the owner's, not the caller's."""
        prompt = min(prompt, max(self._ask.prompt_bound, self.bounds.prompt))
        output = min(output, self.bounds.output * self._ask.answers)
        return Units(
            input=prompt,
            output=output,
            cached=min(prompt, usage.cached) if usage else 0,
            reasoning=min(output, usage.reasoning) if usage else 0,
            request=1,
        )
