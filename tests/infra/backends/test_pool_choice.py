"""Several backends for one model: weights, stickiness, ejection."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from infra.backends.faults import ErrorAnswer
from infra.backends.pool import Pool
from infra.errors import BadRequest, NoBackend
from tests.infra.backends.test_pool import A, B, backend, figures, pool
from tests.standins.openai_backend import StandIn

FAILED = ErrorAnswer("The backend failed with status 500.")


@pytest.fixture
async def two() -> AsyncIterator[Pool]:
    """Backends a and b with four slots each; what is tested here never asks them."""
    async with StandIn() as server, pool(*(backend(name, server.url, slots=4) for name in "ab")) as found:
        yield found


def state(found: Pool, name: str) -> tuple[bool, int]:
    one = next(state for state in found.states() if state.name == name)
    return one.ejected, one.failures


async def failing_b(found: Pool, count: int) -> None:
    """So many requests in a row that fail at b."""
    for _ in range(count):
        seat = await found.seat([B, A], "u", 1, prefix=None)
        while seat.target != B:
            other = await found.seat([B, A], "u", 1)
            seat.release()
            seat = other
        seat.failed(FAILED)
        seat.release()


async def test_weights_share_the_requests_of_idle_backends(two: Pool) -> None:
    served: Counter[str] = Counter()
    for _ in range(40):
        seat = await two.seat([replace(A, weight=3), B], "u", 1)
        served[seat.target.backend] += 1
        seat.release()
    assert served == {"a": 30, "b": 10}


async def test_a_conversation_comes_back_to_its_backend_while_that_has_a_slot(two: Pool) -> None:
    seats = [await two.seat([A, B], "u", 1, prefix=b"conversation") for _ in range(3)]
    (own,) = {seat.target for seat in seats}
    fourth = await two.seat([A, B], "u", 1, prefix=b"conversation")
    assert fourth.target != own, "three of its four slots are busy, none of the other's"
    for seat in [*seats, fourth]:
        seat.release()


async def test_five_failures_eject_and_nothing_is_sent_there_until_a_trial_succeeds(two: Pool) -> None:
    told: list[tuple[str, str]] = []
    two.noted = lambda backend, what: told.append((backend, what))
    await failing_b(two, 5)
    assert state(two, "b") == (True, 5)
    assert told == [("b", "failed")] * 5 + [("b", "ejected")]
    seats = [await two.seat([A, B], "u", 1) for _ in range(4)]
    assert {seat.target.backend for seat in seats} == {"a"}
    waiting = asyncio.create_task(two.seat([A, B], "v", 1))
    await asyncio.sleep(0.01)
    assert (figures(two, "a"), figures(two, "b")) == ((4, 1), (0, 0))
    two._stations["b"].ejection._until = 0  # its time is up
    trial = await two.seat([A, B], "w", 1)
    assert trial.target == B
    trial.worked()
    assert told[-1] == ("b", "readmitted")
    assert (await waiting).target == B, "who waited for another backend is served by the one that is back"
    trial.release()
    (await waiting).release()
    for seat in seats:
        seat.release()


async def test_who_waits_for_a_backend_that_is_ejected_waits_for_the_others(two: Pool) -> None:
    seats = [await two.seat([B], "u", 1) for _ in range(4)] + [await two.seat([A], "u", 1) for _ in range(4)]
    waiting = asyncio.create_task(two.seat([A, B], "v", 1))
    only_b = asyncio.create_task(two.seat([B], "v", 1))
    await asyncio.sleep(0.01)
    assert (figures(two, "a")[1], figures(two, "b")[1]) == (1, 2)
    for _ in range(5):
        two._stations["b"].judge(two._stations["b"].ejection.failed(trial=False, last=False), "ejected")
    assert (figures(two, "a")[1], figures(two, "b")[1]) == (1, 1), "whose model is nowhere else stays"
    for seat in seats:
        seat.release()
    assert (await waiting).target == A
    assert (await only_b).target == B
    (await waiting).release()
    (await only_b).release()


async def test_the_last_backend_that_works_is_not_ejected(two: Pool) -> None:
    for _ in range(10):
        seat = await two.seat([A], "u", 1)
        seat.failed(FAILED)
        seat.release()
    assert state(two, "a") == (False, 10)


async def test_where_all_are_ejected_they_are_used_after_all_unless_another_model_can_serve(two: Pool) -> None:
    await failing_b(two, 5)
    two._stations["a"].ejection._until = 1e12
    seat = await two.seat([A, B], "u", 1)
    seat.release()
    with pytest.raises(NoBackend) as caught:
        await two.seat([A, B], "u", 1, spare=True)
    assert 1 <= (caught.value.retry_after or 0) <= 30


async def test_what_callers_did_wrong_does_not_count_and_a_trial_that_tells_nothing_is_repeated(two: Pool) -> None:
    for _ in range(10):
        seat = await two.seat([A], "u", 1, spare=True)
        seat.failed(BadRequest("no such role"))
        seat.release()
    assert state(two, "a") == (False, 0)
    await failing_b(two, 5)
    two._stations["b"].ejection._until = 0
    for _ in range(2):
        trial = await two.seat([A, B], "u", 1)
        assert trial.target == B
        trial.release()
