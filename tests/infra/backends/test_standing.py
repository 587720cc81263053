"""Slots of other processes on this machine: free as soon as one is gone, kept while one stands still."""

import asyncio
import logging
import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from infra.backends import holding
from infra.backends.pool import Pool
from infra.backends.share_vaults import forget_the_dead
from infra.backends.shares import Claim, portion
from infra.backends.state import Standing
from infra.ledger.life import IDLE, Process
from infra.store.models import Instance
from tests.infra.backends.processes import A, House, house, others_of
from tests.standins.child import child
from tests.standins.served import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is proved without /proc")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are rebalanced ten times a second."""
    monkeypatch.setattr(holding, "BEAT_SECONDS", 0.1)


async def holds_all(here: House, process: Process, *, lapsed: bool) -> None:
    """Another process that has all four slots."""
    await here.renew("inst_other")
    await Instance.filter(id="inst_other").update(place=process.place, pid=process.pid, born=process.born)
    if lapsed:
        await Instance.filter(id="inst_other").update(lease_until_us=1)
    await here.store.rows("INSERT INTO slot_shares VALUES ('a', 'inst_other', 4, 3, 0, 1, 0)")


async def waits(pool: Pool) -> "asyncio.Task[Any]":
    """One who gets no slot in half a second."""
    task = asyncio.create_task(pool.seat([A], "u", 1))
    await asyncio.sleep(0.5)
    assert not task.done()
    return task


def killed(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


async def test_the_slots_of_a_killed_process_are_free_at_once(database: str) -> None:
    async with house(database) as here:
        with child() as (running, process):
            await holds_all(here, process, lapsed=False)
            task = await waits(await here.pool())
            killed(running)
            (await asyncio.wait_for(task, 2)).release()


async def test_who_stands_still_keeps_its_slots_until_it_is_ended_and_that_is_told_once(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(database) as here:
        with child() as (running, process), caplog.at_level(logging.WARNING, "aethergate.backends"):
            running.send_signal(signal.SIGSTOP)
            await holds_all(here, process, lapsed=True)
            pool = await here.pool(length=8)
            task = await waits(pool)
            assert others_of(pool) == (Claim("inst_other", 4, stands=process.pid),)
            assert [state.standing for state in pool.states()] == [(Standing(process.pid, 4),)]
            told = [record.getMessage() for record in caplog.records]
            assert told == [f"process {process.pid} stands still and keeps 4 slots of a; end it to free them"]
            assert pool._stations["a"].queue.length == 8, "nobody is served in its queue"
            killed(running)
            (await asyncio.wait_for(task, 2)).release()
            await until(lambda: pool.states()[0].standing == ())


async def test_who_is_cut_off_and_has_nothing_at_the_backends_keeps_no_slots(database: str) -> None:
    async with house(database) as here:
        with child(IDLE) as (_, process):
            await holds_all(here, process, lapsed=False)
            pool = await here.pool()
            assert pool.sharing is not None
            pool.sharing._quiet_until = 0
            task = await waits(pool)
            await Instance.filter(id="inst_other").update(lease_until_us=1)
            (await asyncio.wait_for(task, 2)).release()


async def test_of_a_process_elsewhere_only_its_lease_tells(database: str) -> None:
    async with house(database) as here:
        with child() as (running, process):
            await holds_all(here, replace(process, place="another machine"), lapsed=False)
            pool = await here.pool()
            assert pool.sharing is not None
            pool.sharing._quiet_until = 0
            killed(running)
            task = await waits(pool)
            await Instance.filter(id="inst_other").update(lease_until_us=1)
            (await asyncio.wait_for(task, 2)).release()


async def test_rows_are_forgotten_an_hour_after_the_lease_unless_somebody_stands_there(database: str) -> None:
    async with house(database) as here:
        with child() as (running, process):
            await holds_all(here, process, lapsed=True)
            await here.store.rows("INSERT INTO slot_shares VALUES ('a', 'inst_long_gone', 4, 0, 0, 1, 0)")
            await forget_the_dead(here.store)
            assert await here.held() == {"inst_other": 4}
            killed(running)
            await forget_the_dead(here.store)
            assert await here.held() == {}


def test_the_queue_is_not_divided_with_who_stands_still() -> None:
    others = (Claim("b", 2), Claim("c", 2, stands=7))
    assert portion(9, "a", others) + portion(9, "b", (Claim("a", 0), others[1])) == 9
