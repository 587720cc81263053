"""Lines of the log: what one turn of the event loop says leaves together, what is urgent at once."""

import asyncio
import io
import json
import logging
from typing import Any

from infra.telemetry.lines import JsonLines, Together


class Written(io.StringIO):
    """Remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[list[dict[str, Any]]] = []

    def write(self, text: str, /) -> int:
        self.parts.append([json.loads(line) for line in text.splitlines()])
        return len(text)

    def events(self) -> list[list[str]]:
        return [[line["event"] for line in part] for part in self.parts]


def logger(stream: Written) -> logging.Logger:
    found, handler = logging.Logger("test", logging.INFO), Together(stream)
    handler.setFormatter(JsonLines())
    found.addHandler(handler)
    return found


async def test_one_turn_of_the_loop_is_one_write() -> None:
    stream = Written()
    log = logger(stream)
    log.info("one", extra={"ms": 1.5})
    log.info("two")
    assert stream.parts == []
    await asyncio.sleep(0)
    log.info("three")
    await asyncio.sleep(0)
    assert stream.events() == [["one", "two"], ["three"]]
    assert stream.parts[0][0]["ms"] == 1.5 and stream.parts[0][0]["level"] == "info"


async def test_a_warning_does_not_wait_and_takes_along_what_does() -> None:
    stream = Written()
    log = logger(stream)
    log.info("one")
    log.warning("two")
    assert stream.events() == [["one", "two"]]


async def test_what_another_thread_says_is_written_at_once() -> None:
    stream = Written()
    await asyncio.to_thread(logger(stream).info, "one")
    assert stream.events() == [["one"]]


def test_without_a_loop_and_after_one_that_has_ended() -> None:
    stream = Written()
    log = logger(stream)
    log.info("one")

    async def say(text: str) -> None:
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
        log.info(text)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(say("two"))
    loop.close()  # the flush was still in line where the loop had stopped before it

    async def more() -> None:
        log.info("three")
        await asyncio.sleep(0)

    asyncio.run(more())
    assert [event for part in stream.events() for event in part] == ["one", "two", "three"]
