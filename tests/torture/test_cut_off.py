"""A process that alone cannot reach the database any more, or stood still, over real processes and a real PostgreSQL:
the slots that others get by then are not in use here as well."""

import asyncio
import json
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.standins import hurried
from tests.standins.line import Line
from tests.torture.cluster import FULL, cluster
from tests.torture.crowd import at_once
from tests.torture.load import CHAT, PATH
from tests.torture.test_queue import SLOTS, keys, queue_of, told

MODULE, LEASE_SECONDS = ("admin_cli", 15) if FULL else (hurried.__name__, hurried.LEASE_SECONDS)
LONG = {**CHAT, "stream": True}


async def streamed(http: httpx.AsyncClient, url: str, key: str) -> tuple[int, str | None]:
    """Pieces received, and the code of the error event; None: it came to its end."""
    pieces = 0
    async with http.stream("POST", url + PATH, json=LONG, headers={"authorization": f"Bearer {key}"}) as answer:
        async for line in answer.aiter_lines():
            if line == "data: [DONE]":
                return pieces, None
            event: dict[str, Any] = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if "error" in event:
                return pieces, event["error"]["code"]
            pieces += any(choice["delta"].get("content") for choice in event.get("choices", ()))
    return pieces, "cut"


async def test_who_alone_lost_the_database_ends_its_streams_before_others_get_its_slots(
    tmp_path: Path, postgres_url: str
) -> None:
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(Line(postgres_url))
        gates = await stack.enter_async_context(cluster("postgres-2", tmp_path, postgres_url))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=90))
        gates.manifest, gates.module = queue_of(64), MODULE
        gates.database = line.database
        lost = await gates.begin()
        gates.database = postgres_url
        gates.gates = [lost, await gates.begin()]
        (key,) = await keys(gates, {"ada": 1})
        await gates.acquainted()
        gates.backend.script(pieces=60, delay=1)
        streams = [asyncio.create_task(streamed(http, lost.url, key)) for _ in range(SLOTS)]
        while gates.backend.running < SLOTS:
            await asyncio.sleep(0.05)
        async with asyncio.timeout(20):
            while not all(row["progress"] for row in await gates.open_rows()):  # each with a checkpoint
                await asyncio.sleep(0.1)
        line.cut()
        cut, heard = time.monotonic(), list[float]()
        for stream in streams:
            stream.add_done_callback(lambda _: heard.append(time.monotonic() - cut))
        gates.backend.script(pieces=1, first_delay=1)
        async with asyncio.timeout(LEASE_SECONDS + 15):
            while True:
                theirs = await at_once([gates.gates[1].url], [key], 2 * SLOTS, CHAT)
                refused = [json.loads(answer.body)["error"]["code"] for answer in theirs if answer.status != 200]
                if not refused:
                    break
                # It was cut in the middle of a write, whose locks PostgreSQL keeps for five seconds.
                assert set(refused) == {"billing_unavailable"}
                await asyncio.sleep(1)
        assert gates.backend.running_max == SLOTS
        ends = await asyncio.gather(*streams)
        told(
            "cut off alone",
            gates,
            ends=ends,
            heard_after=round(max(heard), 1),
            most_at_the_backend=gates.backend.running_max,
        )
        assert {code for _, code in ends} == {"overloaded"}
        assert max(heard) < LEASE_SECONDS + 2, "they are told before it is booked, which the database does not let"
        async with asyncio.timeout(20):
            while any(row["stream"] for row in await gates.open_rows()):
                await asyncio.sleep(0.1)
        line.mend()
        await gates.resolved(20)
        rows = [row for row in (await gates.rows()).values() if row["stream"]]
        assert [row["basis"] for row in rows] == ["recovered"] * SLOTS, "others were sooner, by the last checkpoint"
        assert all(row["charged"] and 1 <= row["output_tokens"] <= max(ends)[0] for row in rows), rows
        gates.backend.script(pieces=1)
        async with asyncio.timeout(10):  # and it serves again
            while (await at_once([lost.url], [key], 1, CHAT))[0].status != 200:
                await asyncio.sleep(0.2)
        await gates.proved()


async def test_who_has_the_database_for_itself_streams_on_without_it(tmp_path: Path, postgres_url: str) -> None:
    async with Line(postgres_url) as line, cluster("postgres-2", tmp_path, postgres_url) as gates:
        gates.database, gates.module = line.database, MODULE
        gates.gates = [await gates.begin()]
        (key,) = await keys(gates, {"ada": 1})
        gates.backend.script(pieces=24, delay=1)
        async with httpx.AsyncClient(timeout=90) as http:
            stream = asyncio.create_task(streamed(http, gates.urls()[0], key))
            await asyncio.sleep(2)
            line.cut()
            await asyncio.sleep(LEASE_SECONDS + 4)
            line.mend()
            assert await stream == (24, None)
        await gates.resolved(5)
        (row,) = (await gates.rows()).values()
        assert row["charged"] == 3_000 + 24 * 2_000
        await gates.proved()


async def test_who_stood_still_for_longer_than_its_lease_ends_what_others_may_have_in_its_place(
    tmp_path: Path, postgres_url: str
) -> None:
    async with cluster("postgres-2", tmp_path, postgres_url) as gates, httpx.AsyncClient(timeout=90) as http:
        gates.manifest, gates.module = queue_of(64), MODULE
        await gates.start()
        (key,) = await keys(gates, {"ada": 1})
        await gates.acquainted()
        gates.backend.script(pieces=60, delay=1)
        streams = [asyncio.create_task(streamed(http, gates.gates[0].url, key)) for _ in range(SLOTS)]
        while gates.backend.running < SLOTS:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        gates.gates[0].signal(signal.SIGSTOP)
        await asyncio.sleep(LEASE_SECONDS + 1)
        gates.gates[0].signal(signal.SIGCONT)
        async with asyncio.timeout(3):
            ends = await asyncio.gather(*streams)
        assert {code for _, code in ends} == {"overloaded"}
        await gates.resolved(20)
        await gates.proved()
