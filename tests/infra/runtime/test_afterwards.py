"""What nobody waits for is done soon, in order, whatever one of it raises."""

import asyncio
import logging

import pytest

from infra.runtime import afterwards
from infra.runtime.afterwards import Afterwards


async def test_it_is_done_soon_and_in_order() -> None:
    later, done, seen = Afterwards(), list[int](), asyncio.Event()
    later.do(done.append, 1)
    later.do(done.append, 2)
    later.do(seen.set)
    assert done == []
    await asyncio.wait_for(seen.wait(), 5)
    assert done == [1, 2]


async def test_who_catches_up_finds_all_of_it_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "SECONDS", 0.001)
    later, done = Afterwards(), list[str]()
    later.do(done.append, "one")
    later.catch_up()
    assert done == ["one"]
    later.do(done.append, "two")
    later.catch_up()
    await asyncio.sleep(0.01)
    assert done == ["one", "two"]


async def test_what_fails_is_logged_and_the_rest_is_done(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("broken")

    later, done = Afterwards(), list[int]()
    later.do(fail)
    later.do(done.append, 1)
    with caplog.at_level(logging.ERROR, logger="aethergate.afterwards"):
        later.catch_up()
    assert done == [1]
    assert "broken" in caplog.text
