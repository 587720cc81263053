"""The trial of an ejected backend: one at a time over all processes."""

import asyncio

import pytest

from infra.backends import holding, trial
from infra.backends.faults import NotSent
from infra.backends.pool import Pool
from tests.infra.backends.processes import A, house
from tests.standins.served import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are rebalanced ten times a second, and who was refused a trial soon asks again."""
    monkeypatch.setattr(holding, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(trial, "AGAIN_SECONDS", 0.2)


async def ejected(pool: Pool, seconds: float = 0.0) -> None:
    """Its backend is out, and the trial due after so long."""
    seat = await pool.seat([A], "u", 1)
    for _ in range(5):
        pool._stations["a"].ejection.failed(trial=False, last=False)
    seat.release()
    pool._stations["a"].ejection._until = pool._stations["a"].ejection._clock() + seconds
    assert pool._stations["a"].ejection.ejected


async def test_of_many_requests_in_two_processes_one_is_the_trial(database: str) -> None:
    async with house(database) as here:
        pools = [await here.pool(slots=8), await here.pool(slots=8)]
        await here.knows()
        for pool in pools:
            await ejected(pool)
        seats = await asyncio.gather(*(pools[number % 2].seat([A], "u", 1) for number in range(6)))
        assert sum(seat._trial for seat in seats) == 1, "nothing else is left, so the others go there as well"
        (one,) = [seat for seat in seats if seat._trial]
        one.began()
        assert sum(pool._stations["a"].ejection.ejected for pool in pools) == 1
        for seat in seats:
            seat.release()


async def test_who_has_claimed_it_tries_again_and_others_once_its_time_is_over(database: str) -> None:
    async with house(database) as here:
        pools = [await here.pool(slots=8), await here.pool(slots=8)]
        await here.knows()
        for pool in pools:
            await ejected(pool)
        for _ in range(2):
            seat = await pools[0].seat([A], "u", 1)
            assert seat._trial, "the first one told nothing"
            seat.release()
        theirs = await pools[1].seat([A], "u", 1)
        assert not theirs._trial
        await here.store.rows("UPDATE backend_trials SET until_us = 1")
        await asyncio.sleep(trial.AGAIN_SECONDS)
        again = await pools[1].seat([A], "u", 1)
        assert again._trial
        for seat in (theirs, again):
            seat.release()


async def test_a_claim_from_before_the_clock_was_set_back_keeps_nobody(database: str) -> None:
    async with house(database) as here:
        pools = [await here.pool(), await here.pool()]
        await here.knows()
        await here.store.rows("INSERT INTO backend_trials VALUES ('a', 'inst_dead', 9000000000000000)")
        await ejected(pools[1])
        seat = await pools[1].seat([A], "u", 1)
        assert seat._trial
        seat.release()


async def test_who_is_alone_asks_nobody(database: str) -> None:
    async with house(database) as here:
        pool = await here.pool()
        await ejected(pool)
        seat = await pool.seat([A], "u", 1)
        assert seat._trial
        assert await here.store.rows("SELECT * FROM backend_trials") == []
        seat.failed(NotSent("refused"))
        seat.release()


async def test_without_the_database_nobody_has_the_trial(database: str) -> None:
    async with house(database) as here:
        pools = [await here.pool(), await here.pool()]
        await here.knows()
        await ejected(pools[0])
        assert pools[0].sharing is not None
        vault = pools[0].sharing._writer._vault

        async def away(_: object) -> None:
            raise ConnectionError("away")

        vault.commit = away  # type: ignore[method-assign, assignment]
        station = pools[0]._stations["a"]
        await station.claim_trial()
        assert station.ejection.due and not station.ejection.wants_trial
        del vault.commit
        await until(lambda: not pools[0].sharing._writer.stalled)  # type: ignore[union-attr]
