"""How the adapter tests ask: prepare, ask, read, close."""

import copy
from collections.abc import Sequence
from typing import Any

from infra.backends.adapters.base import Adapter
from infra.backends.pattern import Repeat
from infra.metering.ask import Task

HELLO = [{"role": "user", "content": "Say hi"}]


async def whole(adapter: Adapter, task: Task, **body: Any) -> dict[str, Any]:
    """The plain answer."""
    prepared = adapter.prepare(task, {"model": "asked", **body}, "upstream")
    reply = await adapter.ask(task, prepared.body, False, "req_1")
    try:
        return await reply.whole()
    finally:
        await reply.close()


async def stream(adapter: Adapter, task: Task, *, room: bool = True, **body: Any) -> list[dict[str, Any]]:
    """Every event of a stream, taken as the relay does: at once, without `room` one batch after the other."""
    found: list[dict[str, Any]] = []

    def take(batch: Sequence[dict[str, Any] | Repeat]) -> bool:
        found.extend(map(told, batch))
        return room

    prepared = adapter.prepare(task, {"model": "asked", "stream": True, **body}, "upstream")
    reply = await adapter.ask(task, prepared.body, True, "req_1")
    try:
        async for batch in reply.events(take):
            found.extend(map(told, batch))
        return found
    finally:
        await reply.close()


def told(event: dict[str, Any] | Repeat) -> dict[str, Any]:
    """An event that was only said to repeat another, in full."""
    if not isinstance(event, Repeat):
        return event
    with event.pattern.saying(event.text) as whole:
        return copy.deepcopy(whole)


def text(events: list[dict[str, Any]], index: int = 0) -> str:
    """What one choice of a stream said."""
    choices = [choice for event in events for choice in event["choices"] if choice["index"] == index]
    return "".join(choice.get("delta", choice).get("content", choice.get("text")) or "" for choice in choices)


def usages(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["usage"] for event in events if event.get("usage")]
