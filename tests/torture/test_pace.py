"""A backend's pace over real processes: no more starts than it allows, and not many fewer."""

import asyncio

from tests.torture.cluster import Cluster
from tests.torture.crowd import at_once
from tests.torture.load import CHAT
from tests.torture.test_queue import keys, told

COUNT, RATE, SLOTS = 60, 10, 64
LATE_SECONDS = 0.1
"""So much may the way to the backend differ from request to request."""


async def test_a_backends_pace_holds_over_all_processes(gates: Cluster) -> None:
    gates.manifest = gates.manifest.replace("slots: 256", f"slots: {SLOTS}, pace: {RATE}/s")
    gates.backend.script(pieces=1, delay=0.05)
    await gates.start()
    (key,) = await keys(gates, {"ada": 1})
    await asyncio.sleep(2.5)  # all have heard of each other
    answers = await at_once(gates.urls(), [key], COUNT, CHAT)
    assert {answer.status for answer in answers} == {200}
    came = sorted(seen.came_at for seen in gates.backend.seen)
    assert len(came) == COUNT
    most = max(
        (last - first + 1) / (RATE + RATE * (came[last] - came[first] + LATE_SECONDS))
        for first in range(COUNT)
        for last in range(first, COUNT)
    )
    told("pace", gates, seconds=round(came[-1] - came[0], 2), most_of_what_it_allows=round(most, 2))
    assert most <= 1, "at once a second's worth, and then evenly"
    assert came[-1] - came[0] < 2 * (COUNT - RATE) / RATE, "whoever asks gets what there is"
    await gates.proved()
