"""The line in which a watcher waits: bounded, and never in anybody's way."""

import json
from typing import Any

import pytest

from infra.errors import ShuttingDown
from infra.live.events import LINE_MAX, Hub


def read(raw: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in raw.decode().strip().split("\n\n"):
        kind, data = block.split("\n")
        found.append((kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_who_is_too_slow_loses_events_and_is_told_how_many() -> None:
    hub = Hub()
    watcher = hub.watch()
    for number in range(LINE_MAX + 3):
        hub.tell("user", {"number": number})
    found = read(await watcher.take(1))
    assert found[0] == ("missed", {"events": LINE_MAX})
    assert [data["number"] for _, data in found[1:]] == [LINE_MAX, LINE_MAX + 1, LINE_MAX + 2]
    hub.tell("user", {"number": -1})
    assert read(await watcher.take(1)) == [("user", {"number": -1})]


async def test_of_figures_only_the_latest_waits() -> None:
    hub = Hub()
    watcher = hub.watch()
    for number in range(5):
        hub.tick({"running": number})
    assert read(await watcher.take(1)) == [("tick", {"running": 4})]
    assert await watcher.take(0.01) == b""


async def test_without_a_watcher_nobody_listens_and_nothing_is_kept() -> None:
    hub = Hub()
    assert hub.listening is False
    watcher = hub.watch()
    assert hub.listening is True
    hub.leave(watcher)
    hub.leave(watcher)
    assert hub.listening is False
    hub.tell("user", {})
    assert hub.recent() == []
    hub.look(True)
    hub.tell("user", {"n": 1})
    assert (hub.listening, hub.recent()) == (True, [(1, "user", {"n": 1})])
    hub.look(False)
    assert (hub.listening, hub.recent()) == (False, [])


async def test_a_hub_that_is_closed_ends_its_watchers_and_takes_no_more() -> None:
    hub = Hub()
    watcher = hub.watch()
    hub.close()
    assert (await watcher.take(1), watcher.ended) == (b"", "shutting_down")
    with pytest.raises(ShuttingDown):
        hub.watch()
