"""The line before the writer: who waits for whom, and what a failing commit does to those behind it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.errors import BillingUnavailable
from infra.ledger.operations import Done
from infra.ledger.writer import Writer


@dataclass(frozen=True)
class Bill:
    number: int


@dataclass(frozen=True)
class Lease:
    number: int = 0


@dataclass
class Slow:
    """A vault whose commits take a while; the first `failing` of them do not get through."""

    failing: int = 0
    impossible: tuple[type[Exception], ...] = (ValueError,)
    written: list[Any] = field(default_factory=list)

    async def open(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        await asyncio.sleep(0)

    async def commit(self, operations: Sequence[Any]) -> tuple[list[Any], dict[str, tuple[int, int]]]:
        await asyncio.sleep(0.02)
        if self.failing:
            self.failing -= 1
            raise OSError("the connection broke")
        self.written += operations
        return list(operations), {}


async def written(vault: Slow, lease_after: float) -> list[Any]:
    """The order in which twenty bills and a lease are written that comes while they stand in line."""
    writer = Writer(vault, lambda _: None, kept=(Bill,), ahead=(Lease,))
    await writer.start()
    bills = [writer.submit(Bill(number)) for number in range(20)]
    await asyncio.sleep(lease_after)
    await asyncio.wait_for(writer.submit(Lease()), 5)
    await asyncio.wait_for(asyncio.gather(*bills), 10)
    await writer.stop()
    return vault.written


async def test_a_lease_passes_the_bills_that_are_written_one_by_one_after_a_failure() -> None:
    found = await written(Slow(failing=1), lease_after=0.1)
    assert found.index(Lease()) < 10
    assert [each for each in found if each != Lease()] == [Bill(number) for number in range(20)]


async def test_a_lease_is_tried_again_when_a_commit_failed_before_it() -> None:
    found = await written(Slow(failing=2), lease_after=0.01)
    assert found[0] == Lease()
    assert sorted(each.number for each in found if isinstance(each, Bill)) == list(range(20))


async def test_a_lease_that_comes_during_a_commit_does_not_take_the_place_of_what_is_written() -> None:
    found = await written(Slow(), lease_after=0.01)
    assert found == [*(Bill(number) for number in range(20)), Lease()]


class Stuck(Slow):
    """A vault whose commits never end."""

    async def commit(self, operations: Sequence[Any]) -> tuple[list[Any], dict[str, tuple[int, int]]]:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


async def test_who_has_waited_long_enough_is_told_so_and_what_was_asked_stays_in_line() -> None:
    writer = Writer(Stuck(), lambda _: None, kept=(Bill,))
    await writer.start()
    began = time.monotonic()
    bill, longer, hold = writer.submit(Bill(1), 0.2), writer.submit(Bill(2), 60), writer.submit(Lease(), 0.1)
    with pytest.raises(BillingUnavailable):
        await hold
    assert await bill == Done()
    assert 0.15 < time.monotonic() - began < 2
    assert not longer.done()
    assert writer.depth == 3
    longer.cancel()
    await asyncio.sleep(0.2)
    assert writer._look is None  # nobody waits: no timer runs


async def test_a_question_that_nobody_waits_for_any_more_is_carried_out_all_the_same() -> None:
    vault = Slow()
    writer = Writer(vault, lambda _: None, kept=(Bill,))
    await writer.start()
    writer.submit(Bill(1), 1.0).cancel()
    assert await writer.submit(Bill(2), 1.0) == Bill(2)
    await writer.stop()
    assert vault.written == [Bill(1), Bill(2)]
