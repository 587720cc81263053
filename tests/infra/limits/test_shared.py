"""Counts that two processes share, on real databases: each `SharedWindows` here has a connection of its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from infra.config.objects import Limits
from infra.config.urls import database_url
from infra.errors import RateLimited
from infra.ledger.ledger import Ledger
from infra.ledger.writer import Writer
from infra.limits.limiter import Limiter, Subject
from infra.limits.shared import Amend, Leave, SharedWindows
from infra.limits.vaults import windows_vault
from infra.limits.windows import Full, Place, Want
from infra.store.database import Store
from infra.units import Rate


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[SharedWindows, SharedWindows]]:
    """The windows of two living processes on one database."""
    store = Store(database_url(database))
    await store.open()
    writers = []
    for name in ("inst_1", "inst_2"):
        ledger = Ledger(store, name)
        await ledger.start()
        await ledger.renew(None)
        await ledger.stop()
        writers.append(Writer(windows_vault(store, name), lambda _: None, kept=(Amend, Leave)))
        await writers[-1].start()
    yield SharedWindows(writers[0]), SharedWindows(writers[1])
    for writer in writers:
        await writer.stop()
    await store.close()


async def test_of_three_hundred_over_two_processes_exactly_a_hundred_pass(
    two: tuple[SharedWindows, SharedWindows],
) -> None:
    want = Want("key requests", Rate(100, 60), 1)
    answers = await asyncio.gather(*(two[number % 2].take([want], (), f"t{number}") for number in range(300)))
    assert sum(not isinstance(answer, Full) for answer in answers) == 100
    refused = next(answer for answer in answers if isinstance(answer, Full))
    assert refused.used == 100
    assert refused.wait_ns is not None and 50e9 < refused.wait_ns <= 60e9


async def test_what_has_left_the_window_makes_room(two: tuple[SharedWindows, SharedWindows]) -> None:
    want = Want("key requests", Rate(2, 1), 1)
    assert not isinstance(await two[0].take([want], (), "a"), Full)
    assert not isinstance(await two[1].take([want], (), "b"), Full)
    full = await two[0].take([want], (), "c")
    assert isinstance(full, Full) and full.wait_ns is not None
    await asyncio.sleep(full.wait_ns / 1e9 + 0.05)
    assert not isinstance(await two[0].take([want], (), "d"), Full)


async def test_all_or_nothing_over_windows_and_places(two: tuple[SharedWindows, SharedWindows]) -> None:
    tokens, place = Want("key tokens", Rate(1_000, 60), 600), Place("key", 1)
    assert not isinstance(await two[0].take([tokens], [place], "a"), Full)
    assert isinstance(await two[1].take([Want("key tokens", Rate(1_000, 60), 100)], [place], "b"), Full)
    assert two[0].level("key tokens", Rate(1_000, 60)).used == 600
    two[0].leave(["key"], "a")
    await asyncio.sleep(0.1)
    at = await two[1].take([Want("key tokens", Rate(1_000, 60), 400)], [place], "c")
    assert not isinstance(at, Full)
    assert two[1].level("key tokens", Rate(1_000, 60)).used == 1_000


async def test_a_correction_is_seen_by_the_other_process(two: tuple[SharedWindows, SharedWindows]) -> None:
    at = await two[0].take([Want("key tokens", Rate(1_000, 60), 900)], (), "a")
    assert not isinstance(at, Full)
    two[0].amend("key tokens", at, -800, "a")
    await asyncio.sleep(0.1)
    assert not isinstance(await two[1].take([Want("key tokens", Rate(1_000, 60), 900)], (), "b"), Full)


async def test_more_than_the_whole_limit_can_never_pass(two: tuple[SharedWindows, SharedWindows]) -> None:
    full = await two[0].take([Want("key tokens", Rate(10, 60), 11)], (), "a")
    assert isinstance(full, Full) and full.wait_ns is None


async def test_tickets_of_two_processes_keep_one_promise(two: tuple[SharedWindows, SharedWindows]) -> None:
    subject = Subject("key k", Limits(requests=Rate(10, 60), tokens=Rate(100, 60), concurrent=3), "this key")
    limiters = [Limiter(windows=windows) for windows in two]
    tickets = [await limiters[number % 2].admit([subject]) for number in range(10)]
    with pytest.raises(RateLimited) as caught:
        await limiters[0].admit([subject])
    assert caught.value.headers()["x-ratelimit-remaining-requests"] == "0"
    for ticket in tickets[:3]:
        await ticket.reserve(10)
    with pytest.raises(RateLimited, match="at once"):
        await tickets[3].reserve(10)
    tickets[0].correct(1)
    tickets[0].release()
    await asyncio.sleep(0.1)
    await tickets[3].reserve(79)
    assert tickets[3].headers()["x-ratelimit-remaining-tokens"] == "0"
