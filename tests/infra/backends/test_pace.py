"""A backend's pace: a bucket of starts that is one for all processes, and that who is alone asks nobody about."""

import asyncio
import time
from typing import Any

import pytest

from infra.backends import holding, sharing
from infra.backends.pace import Bucket, Start, Turn, turns
from infra.backends.pool import Pool
from infra.units import Rate
from tests.infra.backends.processes import A, House, house, others_of
from tests.standins.served import until

FIVE = Rate(5, 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are rebalanced five times a second."""
    monkeypatch.setattr(holding, "BEAT_SECONDS", 0.2)


def test_a_bucket_lets_a_whole_rate_through_at_once_and_then_one_by_one() -> None:
    bucket = Bucket(2, 10)
    assert [bucket.turn(100) for _ in range(8)] == [100, 100, 100, 100, 100, 102, 104, 106]
    assert bucket.turn(112) == 112, "what has leaked out meanwhile is free"
    assert Bucket(2, 2).turn(5) == 5


def test_parts_of_a_bucket_add_up_to_one() -> None:
    parts = [Bucket(1, 10), Bucket(1, 10)]
    together = sorted(part.turn(0, parts=2) for part in parts for _ in range(40))
    assert sum(at <= 20 for at in together) <= 10 + 20


def test_those_who_ask_together_get_what_they_would_get_one_after_the_other() -> None:
    one = Start("a", 2, 10, 0, 1000)
    together, empty = turns([one] * 7, 100, None)
    assert [turn.wait_us for turn in together] == [0, 0, 0, 0, 0, 2, 4]
    assert turns([Start("a", 2, 10, 30, 1000, turns=0)], 100, empty) == ([Turn(0, 30)], 130)
    assert turns([one], 100, 10**15)[0][0].wait_us == 1000 + 2 - 10, "the clock was set back: nobody waits for hours"


async def starts(pools: list[Pool], count: int) -> list[float]:
    """When so many in each of them were let go, in order."""
    found: list[float] = []

    async def one(pool: Pool) -> None:
        seat = await pool.seat([A], "u", 1)
        found.append(time.monotonic())
        seat.release()

    await asyncio.gather(*(one(pool) for pool in pools for _ in range(count)))
    return sorted(found)


def asked(pool: Pool) -> list[Start]:
    """Everything that this process will ask the database about its pace."""
    assert pool.sharing is not None
    found, submit = list[Start](), pool.sharing._writer.submit

    def noted(operation: Any, patience: float | None = None) -> Any:
        found.extend([operation] if isinstance(operation, Start) else [])
        return submit(operation, patience)

    pool.sharing._writer.submit = noted  # type: ignore[method-assign]
    return found


async def test_who_is_alone_asks_nobody(database: str) -> None:
    async with house(database) as here:
        one = await here.pool(pace=FIVE)
        await here.comes_to(4)
        questions = asked(one)
        began = time.monotonic()
        assert (await starts([one], 8))[-1] - began > 0.55
        assert not questions


async def test_two_processes_together_start_no_more_than_one_may(database: str) -> None:
    async with house(database) as here:
        pools = [await here.pool(pace=FIVE), await here.pool(pace=FIVE)]
        await here.knows()
        await here.comes_to(0, 0)
        found = await starts(pools, 8)
        assert 2.15 < found[-1] - found[0] < 4, "five at once, eleven more at five a second"
        assert all(found[at + 6] - found[at] > 0.15 for at in range(len(found) - 6))


async def test_all_of_it_is_for_whoever_has_requests(database: str) -> None:
    async with house(database) as here:
        pools = [await here.pool(pace=FIVE), await here.pool(pace=FIVE)]
        await here.knows()
        found = await starts(pools[:1], 10)
        assert found[-1] - found[0] < 1.6, "not half of it"


async def test_who_comes_finds_the_bucket_as_full_as_it_is(database: str) -> None:
    async with house(database) as here:
        one = await here.pool(pace=Rate(5, 10))
        await here.comes_to(4)
        first = await starts([one], 5)
        two = await here.pool(pace=Rate(5, 10))
        (second,) = await starts([two], 1)
        assert second - first[0] > 1.9, "two seconds for each"


async def test_who_is_alone_again_asks_once_more(database: str) -> None:
    async with house(database) as here:
        one, two = await here.pool(pace=Rate(50, 10)), await here.pool(pace=Rate(50, 10))
        await here.knows()
        await starts([one, two], 1)
        await here.store.rows("UPDATE instances SET lease_until_us = 1 WHERE id = 'inst_0'")
        assert one.sharing is not None and two.sharing is not None
        for station in one._stations.values():
            assert station.holding is not None
            station.holding.close()
        two.sharing._quiet_until = 0
        await until(lambda: not others_of(two))
        questions = asked(two)
        for _ in range(4):
            await starts([two], 1)
        assert len(questions) == 1


async def away(here: House, pool: Pool) -> Any:
    """The database of this process is away; what it was."""
    assert pool.sharing is not None
    vault = pool.sharing._writer._vault
    commit = vault.commit

    async def gone(_: object) -> Any:
        raise ConnectionError("away")

    vault.commit = gone  # type: ignore[method-assign]
    return vault, commit


async def test_without_the_database_each_has_its_part(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "COMMIT_SECONDS_MAX", 0.05)
    async with house(database) as here:
        one, _ = await here.pool(pace=Rate(10, 1)), await here.pool(pace=Rate(10, 1))
        await here.knows()
        pace, holding = one._stations["a"].pace, one._stations["a"].holding
        assert pace is not None and holding is not None
        vault, commit = await away(here, one)
        opened = list[float]()

        def start() -> None:
            opened.append(time.monotonic())
            pace.start()
            pace.want(20, holding)

        pace._opened = start
        pace.want(20, holding)
        await until(lambda: len(opened) >= 8)
        assert opened[7] - opened[0] > 0.5, "five at once, and more at five a second"
        vault.commit = commit
        seen = len(opened)
        await until(lambda: len(opened) > seen + 2)
