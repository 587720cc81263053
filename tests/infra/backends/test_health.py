import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from infra.backends import health, signs
from infra.backends.adapters import make
from infra.backends.adapters.openai import OpenAIAdapter
from infra.backends.health import look, watch
from infra.backends.pool import Pool
from infra.backends.station import Station
from infra.config.objects import Backend
from infra.errors import NoBackend
from tests.infra.backends.talk import HELLO
from tests.infra.backends.test_pool import A, backend, pool
from tests.standins.openai_backend import StandIn


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn(("one", "two")) as found:
        yield found


@pytest.fixture
async def station(server: StandIn) -> AsyncIterator[Station]:
    backend = Backend("a", "openai", server.url)
    found = Station(backend, make(backend), lambda adapter: None)
    yield found
    await found.adapter.close()


async def test_a_look_learns_what_is_served(station: Station) -> None:
    assert station.up is None
    await look(station)
    assert (station.up, station.probe.models) == (True, ("one", "two"))
    assert abs((station.checked_us or 0) - time.time_ns() // 1000) < 5_000_000


async def test_a_watch_sees_a_backend_go_and_return(
    station: Station, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("INTERVAL", 0.1), ("RETRY_FIRST", 0.05), ("RETRY_MAX", 0.2)):
        monkeypatch.setattr(health, name, seconds)
    task = asyncio.create_task(watch(station))
    try:
        assert await becomes(station, True)
        await server.stop()
        assert await becomes(station, False)
        assert station.probe.why == "The backend of this model cannot be reached."
        await server.start()
        assert await becomes(station, True)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_backend_that_stays_down_is_asked_less_and_less_often(
    station: Station, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("INTERVAL", 0.05), ("RETRY_FIRST", 0.1), ("RETRY_MAX", 0.4)):
        monkeypatch.setattr(health, name, seconds)
    await server.stop()
    looks: list[float] = []
    probe = station.adapter.probe

    async def noted() -> object:
        looks.append(time.monotonic())
        return await probe()

    monkeypatch.setattr(station.adapter, "probe", noted)
    task = asyncio.create_task(watch(station))
    await asyncio.sleep(1.8)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert gaps[0] == pytest.approx(0.1, abs=0.08)
    assert gaps[-1] == pytest.approx(0.4, abs=0.1)


async def test_an_answer_at_the_door_is_as_good_as_a_probe(station: Station) -> None:
    station.go_down()
    station.notice(None)
    assert station.up is True
    assert station.look_again.is_set(), "what it serves is looked up soon"


async def becomes(station: Station, up: bool) -> bool:
    for _ in range(100):
        if station.up is up:
            return True
        await asyncio.sleep(0.02)
    return False


class Busy(StandIn):
    """Answers nothing else while it works, as a server with one loop for all does."""

    quiet = True

    async def _list(self, request: web.Request) -> web.Response:
        while self.running or not self.quiet:
            await asyncio.sleep(0.02)
        return await super()._list(request)


@pytest.fixture
async def busy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Pool, Busy]]:
    """With the latest probe unanswered after 0.1 s, and ten of them a second."""
    monkeypatch.setattr(health, "INTERVAL", 0.1)
    monkeypatch.setattr(signs, "QUIET_SECONDS", 1.0)
    monkeypatch.setattr(OpenAIAdapter.fetch, "__defaults__", (None, 0.1))
    async with Busy() as server, pool(backend("a", server.url, slots=1)) as found:
        yield found, server


async def test_a_backend_that_is_too_busy_for_a_probe_is_not_taken_for_down(busy: tuple[Pool, Busy]) -> None:
    found, server = busy
    server.script(pieces=1, first_delay=0.4)

    async def one(number: int) -> None:
        seat = await found.seat([A], "u", 1)
        reply = await seat.adapter.ask("chat", {"messages": HELLO}, False, f"req_{number}")
        await reply.whole()
        await reply.close()
        seat.release()

    await asyncio.gather(*(one(number) for number in range(5)))
    state = found.states()[0]
    assert (state.up, state.last_error) == (True, "The backend did not answer in time.")


async def test_one_from_which_nothing_comes_any_more_is_down_whatever_runs_there(busy: tuple[Pool, Busy]) -> None:
    found, server = busy
    found._stations["a"].slots.seconds = 0.1
    seat, began = await found.seat([A], "u", 1), time.monotonic()
    server.running += 1  # it hangs
    await asyncio.sleep(0.5)
    seat.goes_on()  # with a last sign of life
    with pytest.raises(NoBackend):
        await found.seat([A], "v", 1)
    assert 1.4 < time.monotonic() - began < 4
    seat.release()


async def test_an_idle_one_that_answers_no_probe_is_down_at_once(busy: tuple[Pool, Busy]) -> None:
    found, server = busy
    seat = await found.seat([A], "u", 1)
    seat.goes_on()
    seat.release()
    server.quiet = False
    async with asyncio.timeout(1):
        while found.states()[0].up:
            await asyncio.sleep(0.02)
