"""Counts that two processes share, on real databases: each `SharedWindows` here has a connection of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.config.objects import Limits
from infra.config.urls import database_url
from infra.errors import RateLimited
from infra.ledger.ledger import Ledger
from infra.ledger.writer import Writer
from infra.limits.batch import Amend, Leave
from infra.limits.limiter import Limiter, Subject
from infra.limits.shared import SharedWindows
from infra.limits.vaults import windows_vault
from infra.limits.windows import Full, Place, Want
from infra.store.database import Store
from infra.units import Rate


class House:
    """A database, and the processes that count in it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.vaults: list[Any] = []
        self.windows: list[SharedWindows] = []
        self.commits = 0

    async def begin(self) -> SharedWindows:
        """One more process; alive for 15 s."""
        name = f"inst_{len(self.windows)}"
        ledger = Ledger(self.store, name)
        await ledger.start()
        await ledger.renew(None)
        await ledger.stop()
        vault = windows_vault(self.store, name)
        commit = vault.commit

        async def counted(operations: Any) -> Any:
            self.commits += 1
            return await commit(operations)

        vault.commit = counted  # type: ignore[method-assign]
        self.windows.append(SharedWindows(Writer(vault, lambda _: None, kept=(Amend, Leave))))
        await self.windows[-1].start()
        return self.windows[-1]

    async def counted(self, window: str) -> int:
        """As the database has it."""
        rows = await self.store.rows(
            "SELECT COALESCE(SUM(amount), 0) AS used FROM window_entries WHERE name = ?", window
        )
        return int(rows[0]["used"])


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    store = Store(database_url(database))
    await store.open()
    found = House(store)
    yield found
    for windows in found.windows:
        await windows.stop()
    await store.close()


@pytest.fixture
async def two(house: House) -> tuple[SharedWindows, SharedWindows]:
    """The windows of two living processes on one database."""
    return await house.begin(), await house.begin()


async def test_of_three_hundred_over_two_processes_exactly_a_hundred_pass(
    two: tuple[SharedWindows, SharedWindows],
) -> None:
    want = Want("key requests", Rate(100, 60), 1)
    answers = await asyncio.gather(*(two[number % 2].take([want]) for number in range(300)))
    assert sum(not isinstance(answer, Full) for answer in answers) == 100
    refused = next(answer for answer in answers if isinstance(answer, Full))
    assert refused.used == 100
    assert refused.wait_ns is not None and 50e9 < refused.wait_ns <= 60e9


async def test_what_has_left_the_window_makes_room(two: tuple[SharedWindows, SharedWindows]) -> None:
    want = Want("key requests", Rate(2, 1), 1)
    assert not isinstance(await two[0].take([want]), Full)
    assert not isinstance(await two[1].take([want]), Full)
    full = await two[0].take([want])
    assert isinstance(full, Full) and full.wait_ns is not None
    await asyncio.sleep(full.wait_ns / 1e9 + 0.05)
    assert not isinstance(await two[0].take([want]), Full)


async def test_all_or_nothing_over_windows_and_places(two: tuple[SharedWindows, SharedWindows]) -> None:
    tokens, place = Want("key tokens", Rate(1_000, 60), 600), Place("key", 1)
    assert not isinstance(await two[0].take([tokens], [place]), Full)
    assert isinstance(await two[1].take([Want("key tokens", Rate(1_000, 60), 100)], [place]), Full)
    assert two[0].level("key tokens", Rate(1_000, 60)).used == 600
    two[0].leave(["key"])
    await asyncio.sleep(0.1)
    at = await two[1].take([Want("key tokens", Rate(1_000, 60), 400)], [place])
    assert not isinstance(at, Full)
    assert two[1].level("key tokens", Rate(1_000, 60)).used == 1_000


async def test_a_correction_is_seen_by_the_other_process(two: tuple[SharedWindows, SharedWindows]) -> None:
    at = await two[0].take([Want("key tokens", Rate(1_000, 60), 900)])
    assert not isinstance(at, Full)
    two[0].amend("key tokens", at, -800)
    await asyncio.sleep(0.1)
    assert not isinstance(await two[1].take([Want("key tokens", Rate(1_000, 60), 900)]), Full)


async def test_more_than_the_whole_limit_can_never_pass(two: tuple[SharedWindows, SharedWindows]) -> None:
    full = await two[0].take([Want("key tokens", Rate(10, 60), 11)])
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


# --- a process that is alone counts ahead ----------------------------------------------------------------------------


async def passed(windows: SharedWindows, want: Want, count: int) -> int:
    """How many of so many, one after the other."""
    return sum([not isinstance(await windows.take([want]), Full) for _ in range(count)])


async def test_who_is_alone_asks_seldom_and_lets_exactly_as_many_pass(house: House) -> None:
    one, want = await house.begin(), Want("key requests", Rate(1_000, 60), 1)
    assert await passed(one, want, 400) == 400
    assert house.commits < 100
    assert one.level("key requests", want.rate).used == 400
    assert await passed(one, want, 700) == 600
    await asyncio.sleep(1.5)
    assert await house.counted("key requests") == 1_000


async def test_who_is_alone_lets_a_burst_pass_as_far_as_the_limit_goes(house: House) -> None:
    one, want = await house.begin(), Want("key requests", Rate(100, 60), 1)
    assert await passed(one, want, 30) == 30
    answers = await asyncio.gather(*(one.take([want]) for _ in range(70)))
    assert not any(isinstance(answer, Full) for answer in answers)
    assert isinstance(await one.take([want]), Full)


async def test_a_second_process_that_starts_in_the_middle_keeps_the_promise(house: House) -> None:
    one, want = await house.begin(), Want("key requests", Rate(100, 60), 1)
    assert await passed(one, want, 40) == 40
    both = one, await house.begin()
    answers = await asyncio.gather(*(both[number % 2].take([want]) for number in range(200)))
    assert sum(not isinstance(answer, Full) for answer in answers) == 60
    await asyncio.sleep(1.5)
    assert await house.counted("key requests") == 100


async def test_what_a_dead_process_took_ahead_is_granted_to_nobody(house: House) -> None:
    one, want = await house.begin(), Want("key tokens", Rate(1_000, 60), 10)
    assert await passed(one, want, 10) == 10
    row = one._open["key tokens"]
    assert row.left > 0
    before = await house.counted("key tokens")
    one._open.clear()  # it says nothing any more
    assert before == 100 + row.left
    assert await passed(await house.begin(), want, 100) == (1_000 - before) // 10


async def test_what_was_counted_ahead_and_less_used_is_there_again(house: House) -> None:
    one, want = await house.begin(), Want("key tokens", Rate(10_000, 60), 500)
    rows = [await one.take([want]) for _ in range(8)]
    for row in rows:
        assert not isinstance(row, Full)
        one.amend("key tokens", row, -400)
    assert one.level("key tokens", want.rate).used == 800
    await asyncio.sleep(1.5)
    assert await house.counted("key tokens") == 800


async def test_a_lone_process_keeps_its_places_for_a_moment_and_a_second_one_gets_them(house: House) -> None:
    one, want, place = await house.begin(), Want("key requests", Rate(10_000, 60), 1), Place("key", 2)
    for _ in range(50):
        assert not isinstance(await one.take([want], [place]), Full)
        assert not isinstance(await one.take([want], [place]), Full)
        assert isinstance(await one.take([want], [place]), Full)
        one.leave(["key"])
        one.leave(["key"])
    other = await house.begin()
    async with asyncio.timeout(3):
        while isinstance(await other.take([], [place]), Full):
            await asyncio.sleep(0.05)
    assert not isinstance(await one.take([want], [place]), Full)
    assert isinstance(await one.take([want], [place]), Full)
    assert isinstance(await other.take([], [place]), Full)


async def test_whoever_leaves_before_the_answer_leaves_nothing_behind(house: House) -> None:
    one, want, place = await house.begin(), Want("key tokens", Rate(100, 60), 100), Place("key", 1)
    asking = asyncio.create_task(one.take([want], [place]))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(3):
        while isinstance(await one.take([want], [place]), Full):
            await asyncio.sleep(0.05)


async def test_places_outlive_a_lost_connection(two: tuple[SharedWindows, SharedWindows]) -> None:
    place = Place("key", 2)
    assert not isinstance(await two[0].take([], [place]), Full)
    await two[0]._writer._vault.open()  # as after a failure
    assert not isinstance(await two[0].take([], [place]), Full)
    assert isinstance(await two[1].take([], [place]), Full)
    two[0].leave(["key", "key"])
    await asyncio.sleep(0.2)
    assert not isinstance(await two[1].take([], [place]), Full)
