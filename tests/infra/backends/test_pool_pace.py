"""Who waits for a backend's pace waits in its queue: in turn, no longer than one may, and not after hours."""

import asyncio
import itertools
import time

import pytest

from infra.backends.pace import Pace
from infra.backends.pool import Pool
from infra.backends.queue import Rank
from infra.config.objects import QueueSettings
from infra.errors import NoBackend, Overloaded
from infra.units import Rate
from tests.infra.backends.test_pool import A, backend, figures, pool, server
from tests.standins.openai_backend import StandIn

__all__ = ["server"]
FIVE = Rate(5, 1)


async def used_up(found: Pool, count: int = 5) -> None:
    """What may start at once has started."""
    for _ in range(count):
        (await found.seat([A], "u", 1)).release()


async def test_who_waits_for_the_pace_is_served_in_turn_and_the_owner_first(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=20, pace=FIVE)) as found:
        await used_up(found)
        order = list[str]()

        async def come(user: str, rank: Rank = Rank.FAIR) -> None:
            (await found.seat([A], user, 1, None, rank)).release()
            order.append(user)

        users = ["greedy"] * 6 + ["modest"]
        tasks = [asyncio.create_task(come(user)) for user in users]
        tasks.append(asyncio.create_task(come("owner", Rank.OWNER)))
        await asyncio.sleep(0.01)
        assert figures(found) == (0, 8), "nobody has a slot who only waits"
        await asyncio.gather(*tasks)
        assert order[0] == "owner" and order.index("modest") <= 2


async def test_who_comes_later_overtakes_nobody_who_waits_for_the_pace(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=20, pace=FIVE)) as found:
        await used_up(found)
        order, began = list[int](), time.monotonic()

        async def come(number: int) -> None:
            (await found.seat([A], "u", 1)).release()
            order.append(number)

        tasks = []
        for number in range(8):
            tasks.append(asyncio.create_task(come(number)))
            await asyncio.sleep(0.05)
        await asyncio.gather(*tasks)
        assert order == sorted(order)
        assert time.monotonic() - began > 1.4


async def test_nothing_is_sent_to_a_drained_backend_by_those_who_waited_for_its_pace(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=20, pace=FIVE)) as found:
        await used_up(found)
        waiting = [asyncio.create_task(found.seat([A], "u", 1)) for _ in range(4)]
        await asyncio.sleep(0.01)
        found.drain({"a"})
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [NoBackend] * 4


async def test_the_pace_counts_in_the_time_that_one_would_wait(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=100, pace=FIVE, queue=QueueSettings(64, 1))) as found:
        await used_up(found)
        began = time.monotonic()
        tasks = [asyncio.create_task(found.seat([A], f"user{number}", 1)) for number in range(9)]
        await asyncio.sleep(0.01)
        refused = [task for task in tasks if task.done()]
        assert 3 <= len(refused) <= 5, "five start in the second that one may wait"
        for task in refused:
            error = task.exception()
            assert isinstance(error, Overloaded) and error.retry_after is not None and error.retry_after < 1.1
        for seat in await asyncio.gather(*(task for task in tasks if task not in refused)):
            seat.release()
        assert time.monotonic() - began < 2


async def test_without_a_queue_as_many_wait_for_the_pace_as_there_are_slots(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=2, pace=FIVE, queue=QueueSettings(0, 5))) as found:
        await used_up(found)
        tasks = [asyncio.create_task(found.seat([A], "u", 1)) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert [task.done() for task in tasks] == [False, False, True]
        with pytest.raises(Overloaded, match="full"):
            await tasks[2]
        for seat in await asyncio.gather(*tasks[:2]):
            seat.release()


async def test_a_reload_does_not_let_a_whole_rate_through_once_more(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=20, pace=FIVE)) as found:
        await used_up(found)
        await found.reload({"a": backend("a", server.url, slots=21, pace=FIVE)})
        began = time.monotonic()
        await used_up(found)
        assert time.monotonic() - began > 0.7


async def test_who_leaves_while_it_waits_for_the_pace_takes_no_turn_along(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=20, pace=Rate(2, 1))) as found:
        await used_up(found, 2)
        leaving = asyncio.create_task(found.seat([A], "u", 1))
        await asyncio.sleep(0.05)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        began = time.monotonic()
        await used_up(found, 1)
        assert time.monotonic() - began < 0.6


async def test_a_turn_that_comes_while_it_is_looked_at_is_not_missed(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool(backend("a", server.url, slots=20, pace=Rate(100, 1))) as found:
        await used_up(found, 100)
        looks = itertools.cycle([False, True])  # as where the clock moves on between two looks
        monkeypatch.setattr(Pace, "open", lambda pace, holding: next(looks))
        async with asyncio.timeout(3):
            await asyncio.gather(*(used_up(found, 1) for _ in range(10)))
