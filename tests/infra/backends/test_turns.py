"""Who waits in one process takes turns with those who wait in another, and is told as much."""

import asyncio
import time

import pytest

from infra.backends import holding
from infra.backends.pool import Pool
from infra.store.clock import SECOND_US, now_us
from tests.infra.backends.processes import A, House, house, others_of
from tests.standins.served import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are rebalanced five times a second."""
    monkeypatch.setattr(holding, "BEAT_SECONDS", 0.2)


@pytest.mark.parametrize(("slots", "users"), [(1, 1), (2, 6)])
async def test_one_request_is_served_before_all_that_wait_in_another_process(
    database: str, slots: int, users: int
) -> None:
    async with house(database) as here:
        one, two = await here.pool(slots=slots, length=400), await here.pool(slots=slots, length=400)
        await here.knows()
        order = list[str]()

        async def come(pool: Pool, user: str) -> None:
            seat = await pool.seat([A], user, 1)
            order.append(user)
            await asyncio.sleep(0.1)
            seat.release()

        crowd = [asyncio.create_task(come(one, f"user{number % users}")) for number in range(60)]
        await until(lambda: len(order) > 4 * slots)
        before = len(order)
        await come(two, "modest")
        # A turn of each user, what is on its way, and how late one process hears of the other.
        assert order.index("modest") - before <= users + 4 * slots + 2
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def test_a_wait_is_not_told_as_that_behind_all_who_wait_elsewhere(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(slots=1, length=400), await here.pool(slots=1, length=400)
        await here.knows()
        seat = await one.seat([A], "greedy", 1)
        crowd = [asyncio.create_task(one.seat([A], "greedy", 1)) for _ in range(50)]
        await until(lambda: any(other.waiting for other in others_of(two)))
        two._stations["a"].slots.seconds = 1.0
        told = list[tuple[int, float]]()
        waiting = asyncio.create_task(two.seat([A], "modest", 1, lambda *place: told.append(place)))
        await until(lambda: bool(told))
        assert told[0] == (1, 2.0), "one of theirs, and its turn"
        for task in (waiting, *crowd):
            task.cancel()
        await asyncio.gather(waiting, *crowd, return_exceptions=True)
        seat.release()


async def absent(here: House, waiting: int, lease_s: float) -> None:
    """A process on another machine that has died, which nobody knows yet: many waited there."""
    until_us = now_us() + int(lease_s * SECOND_US)
    await here.store.rows(
        "INSERT INTO instances (id, started_us, lease_until_us, place, pid, born) VALUES"
        " ('inst_x', 1, ?, 'elsewhere', 1, 1)",
        until_us,
    )
    await here.store.rows("INSERT INTO slot_shares VALUES ('a', 'inst_x', 0, ?, 2, 1, 0)", waiting)


async def one_after_the_other(pool: Pool, count: int, each: float) -> float:
    """Seconds that it takes to serve so many."""
    began = time.monotonic()

    async def come() -> None:
        seat = await pool.seat([A], "u", 1)
        await asyncio.sleep(each)
        seat.release()

    await asyncio.gather(*(come() for _ in range(count)))
    return time.monotonic() - began


async def test_no_more_than_its_share_lies_idle_for_who_does_not_come_for_it(database: str) -> None:
    async with house(database) as here:
        pool = await here.pool(slots=4, length=400)
        await absent(here, 300, 3600)
        await until(lambda: len(others_of(pool)) == 1)
        assert await one_after_the_other(pool, 40, 0.1) < 40 * 0.1 * 0.75, "two of four are used"


async def test_nothing_lies_idle_for_who_has_not_renewed_its_lease_for_a_while(database: str) -> None:
    async with house(database) as here:
        pool = await here.pool(slots=1, length=400)
        await absent(here, 300, 7)
        await until(lambda: len(others_of(pool)) == 1)
        assert await one_after_the_other(pool, 20, 0.05) < 3
