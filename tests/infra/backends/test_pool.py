import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infra.backends.pool import Pool
from infra.backends.seat import Seat
from infra.config.objects import Backend, QueueSettings, Target
from infra.errors import BackendError, NoBackend, Overloaded, ShuttingDown
from infra.units import Rate
from tests.infra.backends.talk import HELLO
from tests.standins.openai_backend import StandIn

A, B = Target("a", "model-a"), Target("b", "model-b")


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


def backend(name: str, url: str, **more: Any) -> Backend:
    return Backend(name, "openai", url, **{"slots": 1, **more})


@asynccontextmanager
async def pool(*backends: Backend) -> AsyncIterator[Pool]:
    found = Pool({one.name: one for one in backends})
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


def figures(found: Pool, name: str = "a") -> tuple[int, int]:
    """Busy and queued."""
    state = next(state for state in found.states() if state.name == name)
    return state.busy, state.queued


async def test_slots_are_given_up_to_their_number_and_come_back_once(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=2)) as found:
        first, second = await found.seat([A], "u", 1), await found.seat([A], "u", 1)
        assert (first.target, figures(found)) == (A, (2, 0))
        first.release()
        first.release()
        assert figures(found) == (1, 0)
        second.release()


async def test_who_waits_gets_the_slot_that_becomes_free(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        seat = await found.seat([A], "u", 1)
        waiting = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        assert figures(found) == (1, 1)
        seat.release()
        (await waiting).release()
        assert figures(found) == (0, 0)


async def test_users_take_turns_whatever_they_queued(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        seat, order = await found.seat([A], "u", 1), []

        async def come(user: str) -> None:
            mine = await found.seat([A], user, 1)
            order.append(user)
            mine.release()

        tasks = [asyncio.create_task(come(user)) for user in ["greedy"] * 40 + ["modest"]]
        await asyncio.sleep(0.01)
        seat.release()
        await asyncio.gather(*tasks)
        assert order.index("modest") <= 1


async def test_a_full_queue_refuses_at_once_with_an_honest_retry_after(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=4, queue=QueueSettings(16, 60))) as found:
        began = time.monotonic()
        tasks = [asyncio.create_task(found.seat([A], f"user{number}", 1)) for number in range(500)]
        await asyncio.sleep(0)
        refused, _ = await asyncio.wait(tasks, timeout=0.2)
        errors = [task.exception() for task in refused if task.exception() is not None]
        assert len(errors) == 480
        assert all(isinstance(error, Overloaded) and (error.retry_after or 0) >= 1 for error in errors)
        assert time.monotonic() - began < 1
        assert figures(found) == (4, 16)
        for task in tasks:
            if task.done() and task.exception() is None:
                task.result().release()
        done = 4
        while done < 20:
            seats, tasks = await ready([task for task in tasks if task.done() is False])
            for seat in seats:
                seat.release()
            done += len(seats)
        assert figures(found) == (0, 0)


async def ready(tasks: list[asyncio.Task[Seat]]) -> tuple[list[Seat], list[asyncio.Task[Seat]]]:
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return [task.result() for task in done], list(rest)


async def test_waiting_has_an_end(server: StandIn) -> None:
    async with pool(backend("a", server.url, queue=QueueSettings(16, 0.2))) as found:
        seat = await found.seat([A], "u", 1)
        with pytest.raises(Overloaded, match="in time"):
            await found.seat([A], "v", 1)
        assert figures(found) == (1, 0)
        seat.release()


async def test_a_wait_that_is_known_to_be_too_long_is_refused_at_once(server: StandIn) -> None:
    async with pool(backend("a", server.url, queue=QueueSettings(16, 0.5))) as found:
        for _ in range(5):
            seat = await found.seat([A], "u", 1)
            await asyncio.sleep(0.02)
            seat.release()
        found._stations["a"].slots.seconds = 0.2
        seat = await found.seat([A], "u", 1)
        tasks = [asyncio.create_task(found.seat([A], f"user{number}", 1)) for number in range(3)]
        await asyncio.sleep(0.01)
        assert [task.done() for task in tasks] == [False, False, True]
        assert isinstance(tasks[2].exception(), Overloaded)
        for task in tasks[:2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert figures(found) == (1, 0)
        seat.release()


async def test_places_are_told_from_the_first_and_whenever_they_change(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        for _ in range(3):
            (await found.seat([A], "u", 1)).release()
        seats = [await found.seat([A], "u", 1)]
        told: list[tuple[int, float]] = []
        first = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(found.seat([A], "w", 1, lambda *place: told.append(place)))
        await asyncio.sleep(0.01)
        assert [place for place, _ in told] == [2]
        seats.pop().release()
        await asyncio.sleep(0.3)
        assert [place for place, _ in told] == [2, 1]
        assert all(seconds >= 0 for _, seconds in told)
        (await first).release()
        (await second).release()


async def test_cancelling_a_wait_leaves_the_queue_and_takes_nothing_along(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        seat = await found.seat([A], "u", 1)
        task = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert figures(found) == (1, 0)
        seat.release()
        assert figures(found) == (0, 0)


async def test_a_wait_cancelled_in_the_moment_of_its_turn_gives_the_slot_back(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        seat = await found.seat([A], "u", 1)
        task = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        seat.release()  # grants the slot: the task has not run yet
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert figures(found) == (0, 0)


async def test_no_slot_is_lost_or_doubled_under_cancellation_time_outs_and_reloads(server: StandIn) -> None:
    chance = random.Random(7)
    settings = [backend(name, server.url, slots=3, queue=QueueSettings(30, 0.05)) for name in "ab"]
    async with pool(*settings) as found:
        most: Counter[str] = Counter()
        now: Counter[str] = Counter()

        async def come(number: int) -> None:
            try:
                seat = await found.seat([A, B][: chance.randint(1, 2)], f"user{number % 7}", 1 + number % 3)
            except (Overloaded, NoBackend):
                return
            now[seat.target.backend] += 1
            most[seat.target.backend] = max(most[seat.target.backend], now[seat.target.backend])
            try:
                await asyncio.sleep(chance.random() / 100)
            finally:
                now[seat.target.backend] -= 1
                seat.release()

        tasks = []
        for number in range(1500):
            tasks.append(asyncio.create_task(come(number)))
            if chance.random() < 0.3:
                chance.choice(tasks).cancel()
            if number % 300 == 150:
                changed = [
                    backend(one.name, server.url, slots=3, queue=QueueSettings(20 + number, 0.05)) for one in settings
                ]
                await found.reload({one.name: one for one in changed})
            await asyncio.sleep(chance.random() / 500)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (figures(found, "a"), figures(found, "b")) == ((0, 0), (0, 0))
        assert most == {"a": 3, "b": 3}


async def test_the_least_busy_backend_is_taken(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=2), backend("b", server.url, slots=4)) as found:
        seats = [await found.seat([A, B], "u", 1) for _ in range(6)]
        assert Counter(seat.target.backend for seat in seats) == {"a": 2, "b": 4}
        for seat in seats:
            seat.release()


async def test_who_waits_for_two_backends_takes_the_first_free_slot_of_either(server: StandIn) -> None:
    async with pool(backend("a", server.url), backend("b", server.url)) as found:
        seats = [await found.seat([A, B], "u", 1) for _ in range(2)]
        waiting = asyncio.create_task(found.seat([A, B], "v", 1))
        await asyncio.sleep(0.01)
        assert (figures(found, "a"), figures(found, "b")) == ((1, 1), (1, 1))
        freed = seats[1].target
        seats[1].release()
        seat = await waiting
        assert seat.target == freed
        assert (figures(found, "a")[1], figures(found, "b")[1]) == (0, 0)
        seat.release()
        seats[0].release()


async def test_a_backend_that_is_down_gives_no_seat_and_says_when_to_come_back(server: StandIn) -> None:
    await server.stop()
    async with pool(backend("a", server.url)) as found:
        with pytest.raises(NoBackend) as caught:
            await found.seat([A], "u", 1)
        assert (caught.value.retry_after or 0) >= 1
        assert found.states()[0].up is False
        assert found.states()[0].why == "The backend of this model cannot be reached."


async def test_a_model_without_any_known_backend_has_none(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        with pytest.raises(NoBackend):
            await found.seat([Target("gone", "x")], "u", 1)


async def test_a_refused_connect_takes_the_backend_out_at_once_and_its_return_brings_it_back(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        seat = await found.seat([A], "u", 1)
        queued = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        await server.stop()
        with pytest.raises(NoBackend):
            await seat.adapter.ask("chat", {"messages": HELLO}, False, "req_1")
        with pytest.raises(NoBackend):  # nobody waits for a backend that is gone
            await asyncio.wait_for(queued, 0.1)
        seat.release()
        await server.start()
        await up(found, "a")
        (await found.seat([A], "u", 1)).release()


async def up(found: Pool, name: str, seconds: float = 5) -> None:
    """Waits until a backend is up."""
    for _ in range(int(seconds / 0.02)):
        if next(state for state in found.states() if state.name == name).up:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"{name} did not come up")


async def test_who_waits_moves_on_to_a_backend_that_returns(server: StandIn) -> None:
    async with StandIn() as other:
        await other.stop()
        async with pool(backend("a", server.url), backend("b", other.url)) as found:
            seat = await found.seat([A, B], "u", 1)
            waiting = asyncio.create_task(found.seat([A, B], "v", 1))
            await asyncio.sleep(0.01)
            await other.start()
            got = await asyncio.wait_for(waiting, 5)
            assert (seat.target, got.target) == (A, B)
            got.release()
            seat.release()


async def test_a_reload_keeps_running_requests_and_gives_new_slots_to_those_who_wait(server: StandIn) -> None:
    async with StandIn() as other, pool(backend("a", server.url)) as found:
        server.script(pieces=10, delay=0.03)
        seat = await found.seat([A], "u", 1)
        reply = await seat.adapter.ask("chat", {"messages": HELLO, "stream": True}, True, "req_1")
        waiting = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        await found.reload({"a": backend("a", other.url, slots=2)})
        got = await asyncio.wait_for(waiting, 1)
        assert got.adapter.url == other.url
        assert len([event async for batch in reply.events() for event in batch]) == 12
        await reply.close()
        seat.release()
        got.release()
        assert figures(found) == (0, 0)


async def test_a_backend_taken_out_of_the_file_finishes_what_runs_and_seats_nobody(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        server.script(pieces=5, delay=0.02)
        seat = await found.seat([A], "u", 1)
        reply = await seat.adapter.ask("chat", {"messages": HELLO, "stream": True}, True, "req_1")
        waiting = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        await found.reload({})
        with pytest.raises(NoBackend):
            await waiting
        with pytest.raises(NoBackend):
            await found.seat([A], "u", 1)
        assert [event async for batch in reply.events() for event in batch]
        await reply.close()
        seat.release()
        assert found.states() == []


async def test_stopping_dismisses_who_waits_and_refuses_who_comes(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        seat = await found.seat([A], "u", 1)
        waiting = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        await found.stop()
        with pytest.raises(ShuttingDown):
            await waiting
        with pytest.raises(ShuttingDown):
            await found.seat([A], "u", 1)
        seat.release()


async def test_a_backends_pace_spaces_out_the_starts(server: StandIn) -> None:
    async with pool(backend("a", server.url, slots=20, pace=Rate(5, 1))) as found:
        began = time.monotonic()
        seats = await asyncio.gather(*(found.seat([A], "u", 1) for _ in range(8)))
        assert 0.4 < time.monotonic() - began < 2
        for seat in seats:
            seat.release()


async def test_an_error_of_the_backend_is_remembered_for_the_owner(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        server.script(status=500)
        seat = await found.seat([A], "u", 1)
        with pytest.raises(BackendError):
            await seat.adapter.ask("chat", {"messages": HELLO}, False, "req_1")
        seat.release()
        assert found.states()[0].last_error == "The backend failed with status 500."
        assert found.states()[0].up is True
