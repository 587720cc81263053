"""Two processes before one backend, each with a pool and connections of its own, on real databases."""

import asyncio
import random
import time
from collections import Counter
from typing import Any

import pytest

from infra.backends import holding
from infra.backends.pool import Pool
from infra.backends.queue import Rank
from infra.backends.share_vaults import forget_the_dead
from infra.backends.shares import Claim, Report
from infra.errors import BillingUnavailable, Overloaded
from tests.infra.backends.processes import A, backend, house, others_of
from tests.standins.served import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are rebalanced five times a second."""
    monkeypatch.setattr(holding, "BEAT_SECONDS", 0.2)


async def test_who_is_alone_holds_everything_and_asks_nobody(database: str) -> None:
    async with house(database) as here:
        one = await here.pool()
        await here.comes_to(4)
        seats = [await asyncio.wait_for(one.seat([A], "u", 1), 0.5) for _ in range(4)]
        for seat in seats:
            seat.release()


async def test_an_idle_slot_goes_at_once_to_whoever_asks(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(), await here.pool()
        await here.comes_to(0, 0)  # the first has given back what it held alone
        began = time.monotonic()
        seats = [await pool.seat([A], "u", 1) for pool in (one, two, one, two)]
        assert time.monotonic() - began < 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(two.seat([A], "u", 1), 0.3)
        for seat in seats:
            seat.release()


async def test_never_more_than_the_slots_over_all_processes_whatever_happens(database: str) -> None:
    chance = random.Random(11)
    async with house(database) as here:
        pools = [await here.pool(slots=3, length=400), await here.pool(slots=3, length=400)]
        now = most = served = 0

        async def come(number: int) -> None:
            nonlocal now, most, served
            seat = await chance.choice(pools).seat(
                [A], f"user{number % 7}", 1 + number % 3, rank=chance.choice([*Rank])
            )
            now += 1
            most = max(most, now)
            try:
                await asyncio.sleep(chance.random() / 50)
                served += 1
            finally:
                now -= 1
                seat.release()

        tasks = []
        for _ in range(300):
            tasks.append(asyncio.create_task(come(len(tasks))))
            if chance.random() < 0.2:
                chance.choice(tasks).cancel()
            await asyncio.sleep(chance.random() / 100)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert most == 3
        assert served + sum(isinstance(each, asyncio.CancelledError) for each in done) == 300
        await here.comes_to(0, 0)


async def saturated(pools: list[Pool], users: list[list[tuple[str, int]]], seconds: float) -> Counter[str]:
    """Every user of a process always has ten requests there; what was served of whom once the slots were divided."""
    served: Counter[str] = Counter()
    begin, end = time.monotonic() + 0.6, time.monotonic() + 0.6 + seconds

    async def client(pool: Pool, user: str, weight: int) -> None:
        while time.monotonic() < end:
            seat = await pool.seat([A], user, weight)
            await asyncio.sleep(0.02)
            seat.release()
            served[user] += time.monotonic() > begin

    clients = [
        client(pool, user, weight)
        for pool, theirs in zip(pools, users, strict=True)
        for user, weight in theirs
        for _ in range(10)
    ]
    await asyncio.gather(*clients)
    return served


async def test_slots_are_divided_by_the_users_who_wait_in_each_process(database: str) -> None:
    async with house(database) as here:
        pools = [await here.pool(), await here.pool()]
        served = await saturated(pools, [[("a", 1)], [("b", 1), ("c", 1), ("d", 1)]], 2)
        assert 0.6 < served["a"] * 3 / (served["b"] + served["c"] + served["d"]) < 1.7, served


async def test_an_owner_in_one_process_goes_before_everybody_in_the_other(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(slots=1), await here.pool(slots=1)
        seat, order = await one.seat([A], "u", 1), []

        async def come(pool: Pool, name: str, rank: Rank) -> None:
            mine = await pool.seat([A], name, 1, None, rank)
            order.append(name)
            await asyncio.sleep(0.05)
            mine.release()

        tasks = [asyncio.create_task(come(one, f"user{number}", Rank.FAIR)) for number in range(5)]
        tasks.append(asyncio.create_task(come(two, "owner", Rank.OWNER)))
        await until(lambda: any(other.waiting and other.rank == Rank.OWNER for other in others_of(one)))
        seat.release()
        await asyncio.gather(*tasks)
        assert order[0] == "owner"


async def test_who_holds_all_slots_soon_hears_of_an_owner_elsewhere(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "BEAT_SECONDS", 2.0)
    async with house(database) as here:
        one, two = await here.pool(slots=1), await here.pool(slots=1)
        await here.knows()
        order: list[str] = []

        async def come(pool: Pool, name: str, rank: Rank) -> None:
            seat = await pool.seat([A], name, 1, None, rank)
            order.append(name)
            await asyncio.sleep(0.1)
            seat.release()

        tasks = [asyncio.create_task(come(one, f"user{number}", Rank.FAIR)) for number in range(40)]
        await until(lambda: len(order) > 3)
        before = len(order)
        await come(two, "owner", Rank.OWNER)
        assert order.index("owner") - before < 10, "not after all that are served in two seconds"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_slots_of_a_dead_process_end_with_its_lease(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(), await here.pool()
        one.sharing, keep = None, one.sharing
        assert keep is not None
        await keep.tell(Report("a", 4, 4, 0, 0, 1))
        for station in one._stations.values():  # it says nothing any more
            assert station.holding is not None
            station.holding.close()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(two.seat([A], "u", 1), 0.5)
        await here.store.rows("UPDATE instances SET lease_until_us = 1 WHERE id = 'inst_0'")
        assert two.sharing is not None
        two.sharing._quiet_until = 0
        (await asyncio.wait_for(two.seat([A], "u", 1), 10)).release()


async def test_with_a_files_lock_in_hand_nobody_else_holds_anything(database: str) -> None:
    async with house(database) as here:
        await here.store.rows("INSERT INTO slot_shares VALUES ('a', 'inst_dead', 4, 0, 0, 1, 0)")
        await forget_the_dead(here.store, all=True)
        assert await here.held() == {}


async def test_fewer_slots_after_a_reload_are_given_back_as_requests_end(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(), await here.pool()
        seats = [await pool.seat([A], "u", 1) for pool in (one, one, two, two)]
        for pool in (one, two):
            await pool.reload({"a": backend(here.server.url, slots=2)})
        for seat in seats[:2]:
            seat.release()
        await asyncio.sleep(0.7)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.seat([A], "u", 1), 0.5)
        for seat in seats[2:]:
            seat.release()
        seats = [await asyncio.wait_for(pool.seat([A], "u", 1), 10) for pool in (one, two)]
        assert sum((await here.held()).values()) <= 2
        for seat in seats:
            seat.release()


async def test_the_queue_is_divided_too_and_who_finds_it_full_is_refused_without_a_look_into_the_database(
    database: str,
) -> None:
    async with house(database) as here:
        pools = [await here.pool(length=16), await here.pool(length=16)]
        await here.knows()
        await here.comes_to(0, 0)
        tasks = [asyncio.create_task(pools[number % 2].seat([A], f"user{number}", 1)) for number in range(200)]
        await asyncio.sleep(0)
        refused = [task for task in tasks if task.done() and isinstance(task.exception(), Overloaded)]
        assert len(refused) == 184
        assert all((task.exception().retry_after or 0) >= 1 for task in refused)  # type: ignore[union-attr]
        await until(lambda: sum(task.done() for task in tasks) == 184 + 4)
        for task in tasks:
            if not task.done():
                task.cancel()
            elif task.exception() is None:
                task.result().release()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_queue_without_length_hopes_for_a_slot_elsewhere(database: str) -> None:
    async with house(database) as here:
        pools = [await here.pool(length=0), await here.pool(length=0)]
        await here.comes_to(0, 0)
        tasks = [asyncio.create_task(pools[number % 2].seat([A], f"user{number}", 1)) for number in range(20)]
        await until(lambda: all(task.done() for task in tasks))
        seats = [task.result() for task in tasks if task.exception() is None]
        assert len(seats) == 4
        for seat in seats:
            seat.release()


async def test_who_was_taken_for_dead_gives_its_idle_slots_back(database: str) -> None:
    async with house(database) as here:
        station = (await here.pool())._stations["a"]
        assert station.holding is not None
        station.slots.leased, station.holding.others = 4, (Claim("inst_1", 3),)
        station.holding._give_back_what_others_got()
        assert station.slots.leased == 1


async def test_without_the_database_what_is_held_stays_and_more_there_is_not(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(), await here.pool()
        seats = [await one.seat([A], "u", 1) for _ in range(2)]
        await here.comes_to(2, 0)
        assert one.sharing is not None
        vault = one.sharing._writer._vault
        commit = vault.commit

        async def away(_: object) -> Any:
            raise ConnectionError("away")

        vault.commit = away  # type: ignore[method-assign]
        seats.pop().release()
        seats.append(await asyncio.wait_for(one.seat([A], "u", 1), 0.5))
        with pytest.raises(BillingUnavailable):  # who cannot be given a slot cannot pay either
            await asyncio.wait_for(one.seat([A], "u", 1), 2.5)
        vault.commit = commit  # type: ignore[method-assign]
        seats.append(await asyncio.wait_for(one.seat([A], "u", 1), 10))
        seats.append(await asyncio.wait_for(two.seat([A], "u", 1), 10))
        for seat in seats:
            seat.release()
