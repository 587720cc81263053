"""Streams that are cut, drained, moved and repriced while they run."""

import asyncio
import json
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.client import AdminClient
from tests.standins.running import ADMIN_KEY
from tests.torture.cluster import FULL, Cluster
from tests.torture.load import CHAT, PATH, new_key


async def pieces_of(url: str, key: str, leave_after: int | None = None, **fields: Any) -> tuple[str, int, str, float]:
    """One stream: its request id, the pieces that came, its last line, when it was left (monotonic seconds)."""
    headers, pieces, last, id = {"authorization": f"Bearer {key}"}, 0, "", ""
    # Reading the certificates of the world would stop this process, and the backend in it, for 50 ms per client.
    async with httpx.AsyncClient(timeout=60, verify=False) as http:
        try:
            body = {**CHAT, "stream": True, **fields}
            async with http.stream("POST", url + PATH, json=body, headers=headers) as answer:
                assert answer.status_code == 200, await answer.aread()
                id = answer.headers["x-request-id"]
                async for line in answer.aiter_lines():
                    last = line or last
                    if line.startswith("data: {"):
                        choices = json.loads(line.removeprefix("data: ")).get("choices")
                        pieces += bool(choices and choices[0]["delta"].get("content"))
                    if leave_after is not None and pieces >= leave_after:
                        break
        except httpx.HTTPError as error:
            last = type(error).__name__
    return id, pieces, last, time.monotonic()


async def test_streams_that_the_client_cuts(gates: Cluster) -> None:
    count = 200 if FULL else 40
    gates.backend.script(pieces=60, delay=0.02)
    await gates.start()
    key, urls = await new_key(gates), gates.urls()
    after = [gates.random.randint(0, 30) for _ in range(count)]
    cuts = []
    for batch in range(0, count, 50):
        todo = [pieces_of(urls[n % len(urls)], key, leave) for n, leave in enumerate(after[batch : batch + 50])]
        cuts += await asyncio.gather(*todo)
    await gates.resolved(2)
    rows = await gates.rows()
    seen = {found.headers["x-request-id"]: found for found in gates.backend.seen}
    late = []
    for id, pieces, _, left_at in cuts:
        await seen[id].end()
        late.append(seen[id].ended_at - left_at)
        assert pieces <= rows[id]["output_tokens"] <= seen[id].pieces, (pieces, rows[id], seen[id].pieces)
        assert rows[id]["basis"] == "partial"
    late.sort()
    p50, p99 = late[count // 2], late[int(count * 0.99) - 1]
    print(
        f"\n{gates.kind}: {count} cuts, closed at the backend p50 {p50:.3f} s, p99 {p99:.3f} s, most {late[-1]:.3f} s"
    )
    assert p99 <= 1
    await gates.proved()


async def test_a_backend_that_dies_is_billed_as_far_as_it_came(gates: Cluster) -> None:
    total, after, each = 9, (0, 1, 5, 8), 5 if FULL else 1
    ways: list[dict[str, Any]] = [{"die_after": k, "reset": reset} for k in after for reset in (False, True)] * each
    await gates.start()
    key = await new_key(gates)
    for number, way in enumerate(ways):
        gates.backend.script(pieces=total, delay=0.01, **way)
        id, pieces, last, _ = await pieces_of(gates.urls()[number % len(gates.urls())], key)
        await gates.resolved(2)
        row, told = (await gates.rows())[id], json.loads(last.removeprefix("data: "))
        assert told["error"]["code"] == "backend_error" and pieces == way["die_after"]
        assert row["output_tokens"] == pieces
        # No usage came, so that the prompt is counted by the gateway.
        assert row["charged"] == (row["input_tokens"] * 1_000 + pieces * 2_000 if pieces else 0)
        assert (row["state"], row["basis"]) == (("SETTLED", "partial") if pieces else ("VOID", None))
    await gates.proved()


async def test_sigterm_cuts_no_stream(gates: Cluster) -> None:
    count = 100 if FULL else 24
    gates.backend.script(pieces=40, delay=0.05)
    await gates.start()
    key, urls = await new_key(gates), gates.urls()
    streams = [asyncio.create_task(pieces_of(urls[n % len(urls)], key)) for n in range(count)]
    async with asyncio.timeout(20):
        while gates.backend.running < count:
            await asyncio.sleep(0.02)
    await gates.stop()
    assert [last for _, _, last, _ in await asyncio.gather(*streams)] == ["data: [DONE]"] * count
    await gates.resolved(1)
    await gates.proved()


@pytest.mark.parametrize("gates", ["sqlite-2", "postgres-2"], indirect=True)
async def test_one_of_two_is_killed_and_the_streams_of_the_other_finish(gates: Cluster) -> None:
    gates.backend.script(pieces=60, delay=0.1)
    await gates.start()
    key, urls = await new_key(gates), gates.urls()
    streams: list[asyncio.Task[Any]] = []
    async with asyncio.timeout(30):
        while len({row["instance"] for row in await gates.open_rows()}) < 2:  # the kernel may give one worker a lot
            streams += [asyncio.create_task(pieces_of(urls[n % len(urls)], key)) for n in range(8)]
            while gates.backend.running < len(streams):
                await asyncio.sleep(0.02)
    await gates.kill()
    ends = defaultdict(set)
    rows = await gates.rows()
    for id, _, last, _ in await asyncio.gather(*streams):
        ends[rows[id]["instance"]].add(last == "data: [DONE]")
    print(f"\n{gates.kind}: {dict(ends)}")
    assert all(len(each) == 1 for each in ends.values()), "a stream of the living one was cut"
    assert sorted(map(sorted, ends.values())) == [[False], [True]]
    await gates.resolved(21)
    await gates.proved()


async def kept_alive(gates: Cluster, key: str, left: Iterator[bool], ends: Counter[str]) -> None:
    """A client behind a balancer of connections (a Kubernetes Service): it stays with the replica that took its
    connection, also while that one ends, until an answer says that it was the last."""
    home = gates.random.choice(gates.urls())
    async with httpx.AsyncClient(timeout=60, verify=False, headers={"authorization": f"Bearer {key}"}) as http:
        for _ in left:
            stream = gates.random.random() < 0.7
            try:
                answer = await http.post(home + PATH, json={**CHAT, "stream": stream})
            except httpx.HTTPError as error:
                ends[f"{type(error).__name__}: {error}"] += 1
                continue
            whole = answer.text.endswith("data: [DONE]\n\n") if stream else bool(answer.json().get("usage"))
            ends["whole" if answer.status_code == 200 and whole else answer.text[-200:]] += 1
            if answer.headers.get("connection") == "close":
                home = gates.random.choice(gates.urls())
            await asyncio.sleep(gates.random.choice([0, 0, 0.3]))


async def all_replaced(gates: Cluster, key: str, count: int) -> Counter[str]:
    """How `count` requests and more ended while one replica after the other was replaced, as Kubernetes does it: the
    new one is ready, the old one gets no new connections, then it is told to end."""
    ends, replaced = Counter[str](), asyncio.Event()
    left = iter(lambda: sum(ends.values()) < count or not replaced.is_set(), False)
    clients = [asyncio.create_task(kept_alive(gates, key, left, ends)) for _ in range(24)]
    for number in range(2):
        await asyncio.sleep(1)
        fresh = await gates.begin()
        old, gates.gates[number] = gates.gates[number], fresh
        old.signal(signal.SIGTERM)
        assert await old.ended() == 0
    replaced.set()
    await asyncio.gather(*clients)
    print(f"\n{gates.kind}: {dict(ends)}")
    return ends


@pytest.mark.parametrize("gates", ["postgres-2"], indirect=True)
async def test_a_rolling_restart_fails_no_request(gates: Cluster) -> None:
    rounds, count = (10, 2_000) if FULL else (1, 150)
    gates.backend.script(pieces=10, delay=0.01)
    await gates.start()
    key = await new_key(gates)
    for _ in range(rounds):
        ends = await all_replaced(gates, key, count)
        assert set(ends) == {"whole"} and ends["whole"] >= count
    await gates.resolved(1)
    await gates.proved()


async def test_a_price_that_changes_in_mid_stream_is_for_later_requests(gates: Cluster) -> None:
    count = 100 if FULL else 20
    gates.backend.script(pieces=20, delay=0.2 if FULL else 0.05)  # long enough that all of them run at once
    await gates.start()
    key, url = await new_key(gates), gates.urls()[0]
    streams = [asyncio.create_task(pieces_of(url, key)) for _ in range(count)]
    async with asyncio.timeout(20):
        while gates.backend.running < count:
            await asyncio.sleep(0.01)
    async with AdminClient(url, token=ADMIN_KEY) as admin:
        await admin.put_model("stand-in", price_in="0.000005", price_out="0.000007")
    ends = await asyncio.gather(*streams)
    rows = await gates.rows()
    assert {rows[id]["charged"] for id, *_ in ends} == {3 * 1_000 + 20 * 2_000}
    await asyncio.sleep(0 if gates.kind == "sqlite" else 4)
    id, *_ = await pieces_of(url, key)
    assert (await gates.rows())[id]["charged"] == 3 * 5_000 + 20 * 7_000
    await gates.proved()
