"""A backend's pace over real processes: no more starts than it allows, and not many fewer."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from tests.torture.cluster import FULL, Cluster
from tests.torture.crowd import at_once
from tests.torture.load import CHAT
from tests.torture.test_queue import keys, told

COUNT, RATE, SLOTS = 60 if FULL else 30, 10, 64
LATE_SECONDS = 0.1
"""So much may the way to the backend differ from request to request where the machine has nothing else to do."""
LOOK_SECONDS = 0.03


async def latest(urls: Sequence[str], found: list[float]) -> None:
    """Adds how long the simplest answer of each gateway took, again and again: what stands still for a while, there or
    here, lets starts that were due one after the other come together."""
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_keepalive_connections=0)) as http:
        while True:
            for url in urls:
                began = time.monotonic()
                await asyncio.sleep(LOOK_SECONDS)
                await http.get(f"{url}/health/live")
                found.append(time.monotonic() - began - LOOK_SECONDS)


async def test_a_backends_pace_holds_over_all_processes(gates: Cluster) -> None:
    gates.manifest = gates.manifest.replace("slots: 256", f"slots: {SLOTS}, pace: {RATE}/s")
    gates.backend.script(pieces=1, delay=0.05)
    await gates.start()
    (key,) = await keys(gates, {"ada": 1})
    await gates.acquainted()
    lags: list[float] = []
    looking = asyncio.create_task(latest(gates.urls() * (2 if gates.kind == "sqlite-2" else 1), lags))
    answers = await at_once(gates.urls(), [key], COUNT, CHAT)
    looking.cancel()
    assert {answer.status for answer in answers} == {200}
    came = sorted(seen.came_at for seen in gates.backend.seen)
    assert len(came) == COUNT
    late = LATE_SECONDS + max(lags)
    most = max(
        (last - first + 1) / (RATE + RATE * (came[last] - came[first] + late))
        for first in range(COUNT)
        for last in range(first, COUNT)
    )
    seconds = came[-1] - came[0]
    told("pace", gates, seconds=round(seconds, 2), late=round(late, 2), most_of_what_it_allows=round(most, 2))
    assert most <= 1, "at once a second's worth, and then evenly"
    assert seconds < 2 * (COUNT - RATE) / RATE + late, "whoever asks gets what there is"
    await gates.proved()
