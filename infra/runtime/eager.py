"""A time-out that costs nothing where nothing is waited for."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float | None, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; raises TimeoutError after so many seconds (None: never). It is begun at once, in this task;
    only where it has to wait is a timer made, which costs more than most of what is bounded with it."""
    try:
        first = work.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    async with asyncio.timeout(seconds):
        return await _rest(work, first)


@types.coroutine
def _rest(work: Coroutine[Any, Any, T], first: Any) -> Generator[Any, Any, T]:
    """Goes on with what was begun; `first` is what it waits for."""
    while True:
        try:
            yield first
            break
        except BaseException as error:  # noqa: BLE001 - also the end of this task, which the work must hear of
            try:
                first = work.throw(error)
            except StopIteration as done:
                found: T = done.value
                return found
    result: T = yield from work
    return result
