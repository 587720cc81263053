"""A backend's answer in OpenAI's shape, whole or as the events that arrived together."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import httpx
import msgspec

from infra.backends.body import Body
from infra.backends.faults import TookTooLong, blame, clean, said
from infra.backends.pattern import Patterns, Repeat
from infra.backends.sse import Event, EventTooLong, Lines, Parser
from infra.config.objects import Deadlines
from infra.errors import BackendError, BackendTimeout, BadRequest, ContextTooLong, GatewayError

LATE = "The backend's answer took longer than is allowed."
BROKEN = "The backend broke off in the middle of its answer."
STRANGE = "The backend's answer is not in the shape of an answer."
WHOLE_MAX = 256 * 2**20
"""Bytes of a plain answer; 2,048 embeddings of 4,096 numbers are some 100 MB."""
Take = Callable[[list[dict[str, Any] | Repeat]], bool]
"""Takes the events that arrived together, those that repeat the one before but for their text as just that; False where
it has no room for more until its owner says so."""
_decode = msgspec.json.Decoder().decode


class Repair:
    """What an adapter mends in one reply; the base mends what any OpenAI-compatible server may get wrong.

    openai-node's stream helper throws where the first delta of a choice has no role (docs/backends.md, Every adapter).
    """

    repeats = True
    """Of an event that repeats the one before but for its text there is nothing to mend or to remember."""

    def __init__(self) -> None:
        self._roles: set[int] = set()

    async def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        """A plain answer, mended."""
        return answer

    def event(self, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """The events that one event of the backend becomes."""
        for choice in event.get("choices") or ():
            delta = choice.get("delta")
            if isinstance(delta, dict) and (index := choice["index"]) not in self._roles:
                self._roles.add(index)
                if not delta.get("role"):
                    delta["role"] = "assistant"
        return (event,)

    def end(self) -> Iterable[dict[str, Any]]:
        """What is still to be said when the backend is done."""
        return ()


class Reply:
    """One answer. Read it once, by `whole` or `events`; close it in any case.

    Raises BackendError when the backend breaks off or says an error, BackendTimeout when it falls silent.
    """

    context: int | None = None
    """Tokens of context that the request had, where the adapter knows."""

    def __init__(
        self, body: Body, repair: Repair, deadlines: Deadlines, framing: type[Parser | Lines] = Parser
    ) -> None:
        self._parser = framing()
        self._done = False
        """The backend has said that this was all."""
        self._body = body
        self._repair = repair
        self._idle = deadlines.idle
        self._until = time.monotonic() + deadlines.total
        self._first = deadlines.first_byte
        self._begun = False
        self._unfinished: set[int] = set()
        self._patterns = Patterns() if repair.repeats else None

    async def whole(self) -> dict[str, Any]:
        """The plain answer."""
        chunks, size = [], 0
        while chunk := await self._read():
            chunks.append(chunk)
            size += len(chunk)
            if size > WHOLE_MAX:
                raise BackendError("The backend's answer is too large.")
        answer = _object(b"".join(chunks))
        if answer.get("error") is not None:
            raise _said_error(answer, begun=False)
        _choices(answer)
        return await self._repair.whole(answer)

    async def events(self, take: Take | None = None) -> AsyncIterator[list[Any]]:
        """The stream without [DONE], which is the normal end of this iterator: lists of events, for who has a `take` of
        Repeats, too. Once it has begun, `take` gets what comes, at once: the task that iterates is only woken, with no
        events, where there is no room for more."""
        if take is None:
            self._patterns = None
        while not self._done and (chunk := await self._read()):
            if batch := self._batch(chunk):
                yield batch
            if take is not None and not self._done:
                await self._flow(take)
                yield []
        last: list[dict[str, Any] | Repeat] = []
        if not self._done and not self._take(self._parser.end(), last) and (self._unfinished or not self._begun):
            raise BackendError(BROKEN)
        last.extend(self._repair.end())
        if last:
            yield last

    def _batch(self, chunk: bytes) -> list[dict[str, Any] | Repeat]:
        """What the caller gets for these bytes."""
        batch: list[dict[str, Any] | Repeat] = []
        try:
            events = self._parser.feed(chunk)
        except EventTooLong as error:
            raise BackendError("The backend sent an event that is too long.") from error
        self._done = self._take(events, batch)
        return batch

    async def _flow(self, take: Take) -> None:
        """Until there is no room, or the end."""

        def arrived(chunk: bytes) -> bool:
            batch = self._batch(chunk)
            return (not batch or take(batch)) and not self._done

        def quick(chunk: bytes) -> bool | None:
            """One event that repeats the one before but for its text."""
            data = self._parser.only(chunk)
            if data is None or self._patterns is None or (repeat := self._patterns.repeat(data)) is None:
                return None
            return take([repeat])

        try:
            async with asyncio.timeout(self._until - time.monotonic()):
                with _blamed():
                    await self._body.flow(arrived, quick, self._idle)
        except TimeoutError as error:
            raise TookTooLong(LATE) from error

    async def close(self) -> None:
        """Closes the connection to the backend where the answer is not at its end; idempotent."""
        await self._body.aclose()

    def _take(self, events: list[Event], batch: list[dict[str, Any] | Repeat]) -> bool:
        """Appends what the caller gets for these events; True at the backend's [DONE]."""
        patterns = self._patterns
        for data, _ in events:
            if patterns is not None and (repeat := patterns.repeat(data)) is not None:
                batch.append(repeat)
                continue
            if data == b"[DONE]":
                return True
            if data == b"null":  # llama.cpp, first event of a stream with several prompts
                continue
            event = _object(data)
            if event.get("error") is not None:
                raise _said_error(event, self._begun)
            self._begun = True
            _choices(event)
            for mended in self._repair.event(event):
                batch.append(mended)
                self._note(mended)
            if patterns is not None:
                patterns.learn(data, event)
        return False

    def _note(self, event: dict[str, Any]) -> None:
        """Which choices began and are not finished: a stream without [DONE] may end only when there are none."""
        for choice in event.get("choices") or ():
            if choice.get("finish_reason"):
                self._unfinished.discard(choice["index"])
            else:
                self._unfinished.add(choice["index"])

    async def _read(self) -> bytes:
        """Bytes as they arrive, within the idle deadline and the total; the first within that of a cold load."""
        left = self._until - time.monotonic()
        with _blamed(total=left <= self._first):
            chunk = await self._body.read(min(left, self._first))
        self._first = self._idle
        return chunk


@contextlib.contextmanager
def _blamed(*, total: bool = False) -> Iterator[None]:
    """What breaks while an answer is read is the backend's; the end of its `total` time is the owner's limit."""
    try:
        yield
    except httpx.TimeoutException as error:
        if total:
            raise TookTooLong(LATE) from error
        raise BackendTimeout("The backend fell silent in the middle of its answer.") from error
    except httpx.TransportError as error:
        raise BackendError(BROKEN) from error


def _choices(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The choices of an answer or event, distrusted: what reads them later may rely on their shape."""
    found = event.get("choices")
    if found is None:
        return []
    if not isinstance(found, list):
        raise BackendError(STRANGE)
    for choice in found:
        if not isinstance(choice, dict) or type(choice.setdefault("index", 0)) is not int:
            raise BackendError(STRANGE)
    return found


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = _decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BackendError("The backend's answer is not JSON.") from error
    if not isinstance(found, dict):
        raise BackendError("The backend's answer is not a JSON object.")
    return found


def _said_error(event: dict[str, Any], begun: bool) -> GatewayError:
    """An error said under status 200: a prompt that is too long is the caller's, and before anything else came, what
    is known for a mistake of theirs."""
    found = blame(500, event, {})
    if isinstance(found, ContextTooLong) or (isinstance(found, BadRequest) and not begun):
        return found
    return BackendError(f"The backend reported an error: {clean(said(event)[0]) or 'without a word'}")
