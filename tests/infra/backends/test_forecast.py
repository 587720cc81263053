"""How long one waits, by what is known of the queues."""

import asyncio

import pytest

from infra.backends.forecast import Lane, before, seconds
from infra.backends.pool import Pool
from infra.backends.queue import Rank
from infra.backends.shares import Claim
from infra.config.objects import QueueSettings, Target
from infra.errors import Overloaded
from tests.infra.backends.test_pool import A, B, backend, pool, server
from tests.standins.openai_backend import StandIn

__all__ = ["server"]


@pytest.mark.parametrize(
    ("lanes", "expected"),
    [
        ([Lane(9, 0, 2)], 20),
        ([Lane(9, 1, 2)], 20),
        ([Lane(-1, 0, 2)], 0),
        ([Lane(9, 1, 2), Lane(9, 1, 2)], 10),
        ([Lane(9, 1, 1), Lane(9, 1, 9)], 9),
        ([Lane(0, 0, 2), Lane(9, 0, 2)], 2),
        ([Lane(4, 0, 2), Lane(4, 0, 2)], 9),
        ([Lane(0, 0, 5, late=-3)], 2),
    ],
    ids=["one", "alone", "spare", "two", "slower", "free", "apart", "late"],
)
def test_those_who_wait_for_several_are_served_by_all_of_them(lanes: list[Lane], expected: float) -> None:
    assert seconds(lanes) == pytest.approx(expected)


def test_who_waits_elsewhere_comes_in_turn_and_not_all_before() -> None:
    fair, owner, flex = (Claim(name, 1, 9, rank, 2) for name, rank in (("b", 2), ("c", 0), ("d", 3)))
    assert before(1, Rank.FAIR, 2, [fair]) == 1
    assert before(3, Rank.FAIR, 1, [fair, flex]) == 6
    assert before(50, Rank.FAIR, 1, [fair]) == 9
    assert before(1, Rank.FAIR, 2, [fair, owner]) == 10
    assert before(1, Rank.FRONT, 1, [fair]) == 0


async def measured(found: Pool, targets: list[Target], each: float) -> None:
    """Both know how long a request takes."""
    for _ in range(6):
        seats = [await found.seat(targets, "u", 1) for _ in range(2)]
        await asyncio.sleep(each)
        for seat in seats:
            seat.release()


async def test_the_wait_for_two_backends_is_half_of_that_for_one(server: StandIn) -> None:
    limit = QueueSettings(64, 1.05)
    async with pool(*(backend(name, server.url, queue=limit) for name in "ab")) as found:
        await measured(found, [A, B], 0.2)
        seats, told = [await found.seat([A, B], "u", 1) for _ in range(2)], dict[int, tuple[int, float]]()

        async def come(number: int) -> None:
            seat = await found.seat([A, B], f"user{number}", 1, lambda *place: told.update({number: place}))
            seat.release()

        tasks = [asyncio.create_task(come(number)) for number in range(14)]
        await asyncio.sleep(0.01)
        inside = [task for task in tasks if not task.done()]
        assert 8 <= len(inside) <= 11, "ten of 0.2 s in two slots wait for a second"
        assert told[7][0] == 8 and 0.6 < told[7][1] < 1
        assert isinstance(tasks[13].exception(), Overloaded)
        stations = list(found._stations.values())
        assert [station.shared for station in stations] == [len(inside)] * 2
        for seat in seats:
            seat.release()
        await asyncio.gather(*inside)
        assert [station.shared for station in stations] == [0, 0]


async def test_who_waits_for_one_backend_alone_is_no_one_that_the_other_helps_with(server: StandIn) -> None:
    async with pool(backend("a", server.url), backend("b", server.url)) as found:
        await measured(found, [A, B], 0.05)
        seats = [await found.seat([target], "u", 1) for target in (A, B)]
        waiting = [asyncio.create_task(found.seat([A], "u", 1)) for _ in range(3)]
        both = asyncio.create_task(found.seat([A, B], "u", 1))
        await asyncio.sleep(0.01)
        one, two = found._stations.values()
        assert (one.shared, two.shared) == (1, 1)
        found.drain({"b"})
        await asyncio.sleep(0.01)
        assert (one.shared, two.shared, len(one.queue), len(two.queue)) == (0, 0, 4, 0)
        found.drain(())
        await asyncio.sleep(0.01)
        assert (one.shared, two.shared, len(one.queue), len(two.queue)) == (1, 1, 4, 1)
        both.cancel()
        await asyncio.gather(both, return_exceptions=True)
        assert (one.shared, two.shared) == (0, 0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for seat in seats:
            seat.release()
