"""A process whose lease has run out by its own clock starts nothing: others may have its slots."""

import asyncio

from infra.backends.lease import Lease
from infra.backends.shares import Claim
from infra.backends.sharing import Sharing
from infra.ledger.vault import LEASE_SECONDS
from tests.infra.backends.processes import A, House, house, others_of
from tests.standins.served import until


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_lease_counts_from_the_moment_in_which_it_was_asked_for() -> None:
    clock = Clock()
    lease = Lease(clock)
    assert lease.over
    asked = clock.now
    clock.now += 4  # the database takes its time
    assert lease.renewed(asked) and lease.number == 1
    clock.now = asked + LEASE_SECONDS - 0.01
    assert not lease.over
    assert not lease.renewed(clock.now) and lease.number == 1
    clock.now += LEASE_SECONDS
    assert lease.over
    assert lease.renewed(clock.now) and lease.number == 2


async def slept(here: House) -> tuple[Sharing, Clock]:
    """The first process's sharing, on a clock that a test sets."""
    sharing, clock = here.pools[0].sharing, Clock()
    assert sharing is not None
    clock.now = sharing.lease.clock()
    sharing.lease.clock = clock
    sharing.lease.renewed(clock.now)
    return sharing, clock


async def test_who_stood_still_beyond_its_lease_starts_nothing_before_it_has_asked_again(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(slots=2), await here.pool(slots=2)
        sharing, clock = await slept(here)
        seats = [await one.seat([A], "u", 1) for _ in range(2)]
        waiting = [asyncio.create_task(one.seat([A], f"user{number}", 1)) for number in range(3)]
        await asyncio.sleep(0)
        clock.now += LEASE_SECONDS
        assert all(seat.lapsed for seat in seats)
        await here.store.rows("UPDATE instances SET lease_until_us = 1 WHERE id = 'inst_0'")
        assert two.sharing is not None
        two.sharing._quiet_until = 0
        theirs = [await asyncio.wait_for(two.seat([A], "v", 1), 10) for _ in range(2)]
        seats.pop().release()  # what ran while it stood still has ended
        await asyncio.sleep(0.5)
        assert not any(task.done() for task in waiting)

        await here.renew("inst_0")
        assert sharing.lease.renewed(clock.now)
        sharing.lapsed()
        await asyncio.sleep(0.5)
        assert not any(task.done() for task in waiting), "the other one has all of them"
        assert all(seat.lapsed for seat in seats), "and what had not begun may not begin"
        for seat in (*seats, *theirs):
            seat.release()
        for task in waiting:
            (await asyncio.wait_for(task, 10)).release()


async def test_what_others_may_have_is_ended_and_nothing_else(database: str) -> None:
    async with house(database) as here:
        one = await here.pool(slots=2)
        sharing, clock = await slept(here)
        calls: list[bool] = []
        seat = await one.seat([A], "u", 1)
        sharing._lost = lambda: calls.append(seat.contested)
        await asyncio.sleep(0.6)
        assert not calls, "the lease runs"
        clock.now += LEASE_SECONDS
        await until(lambda: bool(calls))
        assert not any(calls), "nobody else is there"
        two = await here.pool(slots=2)
        await here.renew("inst_0")
        sharing.lease.renewed(clock.now)
        sharing.lapsed()
        await until(lambda: any(calls))
        fresh = await asyncio.wait_for(two.seat([A], "v", 1), 10)
        await here.knows()
        seat.release()
        again = await asyncio.wait_for(one.seat([A], "u", 1), 10)
        assert not again.contested
        before = len(calls)
        await asyncio.sleep(0.8)
        assert len(calls) - before <= 1, "once all is known it is over"
        for each in (fresh, again):
            each.release()


async def test_what_runs_on_counts_again_once_the_process_is_back(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(slots=2), await here.pool(slots=2)
        sharing, clock = await slept(here)
        seat = await one.seat([A], "u", 1)
        clock.now += LEASE_SECONDS
        sharing.lease.renewed(clock.now)
        sharing.lapsed()
        await until(lambda: Claim("inst_0", 1) in others_of(two))
        (await asyncio.wait_for(two.seat([A], "v", 1), 10)).release()
        (await asyncio.wait_for(one.seat([A], "v", 1), 10)).release()
        assert seat.lapsed
        seat.release()
