import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import pytest

from infra.backends import health
from infra.backends.adapters import make
from infra.backends.health import look, watch
from infra.backends.station import Station
from infra.config.objects import Backend
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
