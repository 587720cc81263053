"""How the adapter tests ask: prepare, ask, read, close."""

from typing import Any

from infra.backends.adapters.base import Adapter
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


async def stream(adapter: Adapter, task: Task, **body: Any) -> list[dict[str, Any]]:
    """Every event of a stream."""
    prepared = adapter.prepare(task, {"model": "asked", "stream": True, **body}, "upstream")
    reply = await adapter.ask(task, prepared.body, True, "req_1")
    try:
        return [event async for batch in reply.events() for event in batch]
    finally:
        await reply.close()


def text(events: list[dict[str, Any]], index: int = 0) -> str:
    """What one choice of a stream said."""
    choices = [choice for event in events for choice in event["choices"] if choice["index"] == index]
    return "".join(choice.get("delta", choice).get("content", choice.get("text")) or "" for choice in choices)


def usages(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["usage"] for event in events if event.get("usage")]
