"""Hours and the owner's switch."""

import asyncio
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from infra.backends.service import Service
from infra.config.hours import hours
from infra.errors import NoBackend
from tests.infra.backends.test_pool import A, B, backend, figures, pool, server
from tests.standins.openai_backend import StandIn

__all__ = ["server"]
UTC = ZoneInfo("UTC")


class Clock:
    def __init__(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


def closed(found: Any, name: str = "a", at: str = "2026-11-27 12:00") -> Clock:
    """Puts a backend under a clock; it is open from 18:00 on."""
    clock = Clock(at)
    found._stations[name].service = Service((hours("18:00-08:00 UTC"),), clock)
    found._stations[name].mind_hours()
    return clock


async def test_outside_its_hours_the_refusal_says_when_it_opens(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        closed(found)
        with pytest.raises(NoBackend, match=r"opens at 2026-11-27 18:00 \(UTC\)") as caught:
            await found.seat([A], "u", 1)
        assert caught.value.headers() == {"retry-after": "21600", "x-should-retry": "false"}
        assert found.states()[0].opens_us == 1_795_802_400_000_000


async def test_another_backend_serves_meanwhile(server: StandIn) -> None:
    async with pool(backend("a", server.url), backend("b", server.url)) as found:
        closed(found)
        seat = await found.seat([A, B], "u", 1)
        assert seat.target == B
        seat.release()


async def test_at_closing_time_what_runs_finishes_and_who_waits_is_told(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        clock = closed(found, at="2026-11-27 07:59")
        seat = await found.seat([A], "u", 1)
        waiting = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        clock.now += 60
        found._stations["a"].mind_hours()
        with pytest.raises(NoBackend, match="18:00"):
            await waiting
        assert figures(found) == (1, 0)
        seat.release()
        clock.now += 10 * 3600
        found._stations["a"].mind_hours()
        (await found.seat([A], "u", 1)).release()


async def test_no_slot_is_granted_after_closing_time_even_before_anybody_looked(server: StandIn) -> None:
    async with pool(backend("a", server.url), backend("b", server.url)) as found:
        clock = closed(found, at="2026-11-27 07:59")
        seats = [await found.seat([A, B], "u", 1) for _ in range(2)]
        waiting = asyncio.create_task(found.seat([A, B], "v", 1))
        await asyncio.sleep(0.01)
        clock.now += 60
        for seat in sorted(seats, key=lambda seat: seat.target.backend):
            seat.release()
            await asyncio.sleep(0.01)
        got = await asyncio.wait_for(waiting, 1)
        assert got.target == B
        got.release()


async def test_a_drained_backend_finishes_what_runs_and_takes_nothing_new(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        seat = await found.seat([A], "u", 1)
        waiting = asyncio.create_task(found.seat([A], "v", 1))
        await asyncio.sleep(0.01)
        found.drain({"a"})
        for refused in (waiting, found.seat([A], "w", 1)):
            with pytest.raises(NoBackend, match="out of service") as caught:
                await refused
            assert caught.value.headers()["x-should-retry"] == "false"
        await found.reload({"a": backend("a", server.url, slots=2)})
        assert found.states()[0].draining  # another file does not take it into service
        seat.release()
        found.drain(())
        (await found.seat([A], "u", 1)).release()


async def test_who_waits_elsewhere_comes_when_it_is_undrained(server: StandIn) -> None:
    async with pool(backend("a", server.url), backend("b", server.url)) as found:
        found.drain({"b"})
        seat = await found.seat([A, B], "u", 1)
        waiting = asyncio.create_task(found.seat([A, B], "v", 1))
        await asyncio.sleep(0.01)
        found.drain(())
        got = await asyncio.wait_for(waiting, 1)
        assert (seat.target, got.target) == (A, B)
        got.release()
        seat.release()
