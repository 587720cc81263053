"""Slots and the queue under more clients than they can carry: what is refused how fast, and who is served in turn.

`make torture ARGS="-k test_queue"` prints the figures.
"""

import asyncio
import math
import time
from collections import Counter
from typing import Any

import pytest

from infra.client import AdminClient
from tests.standins.running import ADMIN_KEY
from tests.torture.cluster import FULL, MANIFEST, Cluster
from tests.torture.crowd import Answer, at_once, one
from tests.torture.load import CHAT

SLOTS = 4
SERVICE = 1.0 if FULL else 0.4
"""Seconds that a request takes at the backend."""


def queue_of(length: int) -> str:
    """Four slots, and so many may wait for them."""
    return MANIFEST.replace(
        "slots: 256, queue: {{length: 512, wait: 30s}}", f"slots: {SLOTS}, queue: {{{{length: {length}, wait: 5m}}}}"
    )


async def keys(gates: Cluster, weights: dict[str, int]) -> list[str]:
    """A user with money and a key of each."""
    found = []
    async with AdminClient(gates.urls()[0], token=ADMIN_KEY) as admin:
        for name, weight in weights.items():
            await admin.add_user(name, "1000", weight=weight)
            found.append(str((await admin.add_key(name))["key"]))
    return found


def told(name: str, gates: Cluster, **figures: Any) -> None:
    """One line of figures."""
    print(f"\n  {name} [{gates.kind}] " + ", ".join(f"{key} {value}" for key, value in figures.items()), flush=True)


async def warm(gates: Cluster, callers: list[str]) -> None:
    """Every process knows every key and has a connection, and nobody holds slots any more that it does not need."""
    gates.backend.script(pieces=1)
    for _ in range(4):
        await at_once(gates.urls(), callers, len(callers), CHAT)
    await gates.acquainted()
    gates.backend.seen.clear()
    gates.backend.running_max = 0


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def test_far_more_clients_than_the_queue_holds_are_refused_at_once(gates: Cluster) -> None:
    gates.manifest = queue_of(16)
    await gates.start()
    callers = await keys(gates, {f"user{number}": 1 for number in range(10)})
    await warm(gates, callers)
    gates.backend.script(pieces=1, first_delay=SERVICE)
    answers = await at_once(gates.urls(), callers, 500 if FULL else 150, CHAT)
    statuses = Counter(answer.status for answer in answers)
    refused = [answer for answer in answers if answer.status == 503]
    ends = [seen.ended_at for seen in gates.backend.seen]
    # Of seventeen, four slots do the last one alone: what they can do is five times a service time.
    goodput = math.ceil(len(ends) / SLOTS) * SERVICE / (max(ends) - min(ends) + SERVICE)
    slow = max(answer.processing_ms for answer in refused)
    p99 = percentile([answer.seconds for answer in refused], 0.99)
    told(
        "burst", gates, statuses=dict(statuses), most_at_the_backend=gates.backend.running_max,
        refused_within_ms=slow, refused_p50_ms=percentile([float(answer.processing_ms) for answer in refused], 0.5),
        client_p99_s=round(p99, 3), goodput=f"{goodput:.1%}",
        retry_after=sorted({answer.headers["retry-after"] for answer in refused}),
    )  # fmt: skip
    assert set(statuses) == {200, 503}
    assert SLOTS <= statuses[200] <= SLOTS + 16
    assert gates.backend.running_max <= SLOTS
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert p99 < (1.5 if FULL else 10)
    assert goodput > (0.95 if FULL else 0.3)
    assert slow <= (50 if FULL else 5_000)
    await gates.proved()


async def _again_and_again(gates: Cluster, number: int, key: str, end: float, seen: Counter[int]) -> None:
    """Comes back after what it was told, as SDKs do."""
    urls = gates.urls()
    while time.monotonic() < end:
        answer = await one(urls[number % len(urls)], key, CHAT)
        seen[answer.status] += 1
        if answer.status == 503:
            await asyncio.sleep(min(float(answer.headers["retry-after"]), 8) * gates.random.uniform(0.5, 1))


async def test_the_slots_stay_busy_while_five_hundred_come_again_and_again(gates: Cluster) -> None:
    gates.manifest = queue_of(16)
    await gates.start()
    callers = await keys(gates, {f"user{number}": 1 for number in range(10)})
    await warm(gates, callers)
    gates.backend.script(pieces=1, first_delay=SERVICE)
    seconds, seen = (30 if FULL else 4), Counter[int]()
    began = time.monotonic()
    clients = [
        _again_and_again(gates, number, callers[number % len(callers)], began + seconds, seen)
        for number in range(500 if FULL else 60)
    ]
    await asyncio.gather(*clients)
    begin, end = began + 2 * SERVICE, began + seconds
    done = sum(begin < each.ended_at <= end for each in gates.backend.seen)
    goodput = done * SERVICE / SLOTS / (end - begin)
    told("sustained", gates, statuses=dict(seen), most=gates.backend.running_max, goodput=f"{goodput:.1%}")
    assert gates.backend.running_max <= SLOTS
    assert set(seen) == {200, 503}
    assert goodput > (0.95 if FULL else 0.3)
    await gates.proved()


async def test_one_request_waits_for_two_service_times_behind_four_hundred_of_another(gates: Cluster) -> None:
    gates.manifest = queue_of(1000)
    await gates.start()
    greedy, modest = await keys(gates, {"greedy": 1, "modest": 1})
    await warm(gates, [greedy, modest])
    gates.backend.script(pieces=1, first_delay=SERVICE)
    count = 400 if FULL else 60
    crowd = asyncio.create_task(at_once(gates.urls(), [greedy], count, CHAT))
    await asyncio.sleep(3 if FULL else 1.5)
    waits = []
    for url in gates.urls() * (3 if FULL else 1):
        answer = await one(url, modest, CHAT)
        assert answer.status == 200
        waits.append(answer.seconds - SERVICE)
        assert not crowd.done()
    told("one behind many", gates, waited_in_service_times=[round(wait / SERVICE, 2) for wait in waits])
    assert max(waits) <= (2 if FULL else 4) * SERVICE
    crowd.cancel()
    await asyncio.gather(crowd, return_exceptions=True)


async def test_weights_of_one_and_three_are_served_one_to_three(gates: Cluster) -> None:
    gates.manifest = queue_of(1000)
    await gates.start()
    callers = await keys(gates, {"one": 1, "three": 3})
    await warm(gates, callers)
    service = 0.2 if FULL else 0.1
    gates.backend.script(pieces=1, first_delay=service)
    seconds, served = 60, Counter[int]()
    end, most = time.monotonic() + seconds, 100_000 if FULL else 80

    async def client(number: int) -> None:
        urls = gates.urls()
        while time.monotonic() < end and served.total() < most:
            answer: Answer = await one(urls[number // 2 % len(urls)], callers[number % 2], CHAT)
            assert answer.status == 200, answer.body
            served[number % 2] += time.monotonic() < end and served.total() < most

    await asyncio.gather(*(client(number) for number in range(80)))
    ratio = served[1] / served[0]
    told("weights 1:3", gates, served=(served[0], served[1]), ratio=round(ratio, 3), seconds=seconds)
    assert ratio == pytest.approx(3, rel=0.1 if FULL else 0.4)
    assert gates.backend.running_max <= SLOTS
