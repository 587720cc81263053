"""Looks after backends: probes on an interval, without ever loading a model."""

import asyncio
import time

from infra.backends.station import Station

INTERVAL = 5.0
"""Seconds between two probes of a backend that is up."""
RETRY_FIRST, RETRY_MAX = 1.0, 15.0
"""Seconds until a backend that is down is looked at again: doubled each time."""


async def look(station: Station) -> None:
    """Probes once and notes what was found."""
    adapter = station.adapter
    found = await adapter.probe()
    if adapter is station.adapter:  # a reload may have replaced it meanwhile
        station.learn(found, time.time_ns() // 1000)


async def watch(station: Station) -> None:
    """Probes for ever; a backend that just went down or was replaced, soon."""
    delay = INTERVAL
    while True:
        try:
            async with asyncio.timeout(delay):
                await station.look_again.wait()
            station.look_again.clear()
            delay = station.retry_seconds = RETRY_FIRST
            continue
        except TimeoutError:
            station.mind_hours()
            await look(station)  # which may take as long as the wait before
        station.mind_hours()
        delay = INTERVAL if station.up else min(RETRY_MAX, 2 * delay)
        station.retry_seconds = delay
