"""The event loop stays awake while a quick answer is waited for, and for no other."""

import asyncio

import pytest

from infra.ledger.awake import SECONDS_MAX, Awake


class Core:
    """A core whose time goes on by `step` seconds with each turn of the loop that stays awake."""

    def __init__(self, step: float) -> None:
        self.now, self.step, self.turns = 0.0, step, 0

    def clock(self) -> float:
        return self.now

    def yielded(self) -> None:
        self.turns += 1
        self.now += self.step


@pytest.fixture
def core() -> Core:
    return Core(SECONDS_MAX / 10)


async def waited(awake: Awake, turns: int) -> None:
    """An answer that takes so many turns of the loop."""
    with awake.waiting():
        for _ in range(turns):
            await asyncio.sleep(0)


async def test_the_loop_turns_until_the_answer_is_there_and_then_no_more(core: Core) -> None:
    awake = Awake(core.clock, core.yielded)
    await waited(awake, 5)
    assert core.turns == 5
    await asyncio.sleep(0.01)
    assert core.turns == 5


async def test_it_stays_awake_for_a_millisecond_at_most(core: Core) -> None:
    await waited(Awake(core.clock, core.yielded), 100)
    assert core.turns == 10


async def test_after_an_answer_that_took_longer_nobody_stays_awake_until_one_is_quick(core: Core) -> None:
    awake = Awake(core.clock, core.yielded)
    await waited(awake, 100)
    core.turns = 0
    await waited(awake, 5)  # quick, as the clock stands still where nobody looks at it
    assert core.turns == 0
    await waited(awake, 5)
    assert core.turns == 5


async def test_an_answer_that_is_an_error_ends_it_too(core: Core) -> None:
    awake = Awake(core.clock, core.yielded)
    with pytest.raises(ConnectionError), awake.waiting():
        await asyncio.sleep(0)
        raise ConnectionError
    turns = core.turns
    await asyncio.sleep(0.01)
    assert core.turns == turns


async def test_on_a_single_core_nobody_stays_awake(core: Core) -> None:
    await waited(Awake(core.clock, None), 5)
    assert core.turns == 0
