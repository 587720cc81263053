"""The database is locked, or its server stands still, under real gateways: spending fails closed at once, what runs
finishes, and what it cost is booked once when the database is back."""

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from infra.config.urls import database_url
from tests.torture.cluster import Cluster, Kind, cluster
from tests.torture.load import CHAT, PATH, new_key

REFUSED_MS = 1_500 + 400
"""Promised, and what a busy machine takes beside it."""
PIECES = 25


@contextlib.asynccontextmanager
async def locked_file(gates: Cluster, _: Any) -> AsyncIterator[None]:
    """Another program writes to the file and does not come to an end."""
    other = sqlite3.connect(database_url(gates.database).path, isolation_level=None, timeout=5)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextlib.asynccontextmanager
async def locked_table(gates: Cluster, _: Any) -> AsyncIterator[None]:
    """Somebody's transaction keeps the accounts to itself."""
    connection = await asyncpg.connect(**database_url(gates.database).asyncpg())
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def frozen_server(gates: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """It takes connections, in the kernel, and answers nothing."""
    found = await gates.store.rows("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    pids = [request.getfixturevalue("postgres_server").get_pid(), *(row["pid"] for row in found)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def asked(url: str, key: str, once: str | None = None, **fields: Any) -> httpx.Response:
    """On a connection of its own, which any of several workers may take."""
    headers = {"authorization": f"Bearer {key}"} | ({"idempotency-key": once} if once else {})
    async with httpx.AsyncClient(timeout=60, verify=False) as http:
        return await http.post(url + PATH, json={**CHAT, **fields}, headers=headers)


def refused(answers: list[httpx.Response]) -> None:
    for answer in answers:
        assert answer.status_code == 503 and answer.json()["error"]["code"] == "billing_unavailable", answer.text
        assert int(answer.headers["openai-processing-ms"]) < REFUSED_MS


@pytest.mark.parametrize(
    ("kind", "away"),
    [
        ("sqlite", locked_file),
        ("sqlite-2", locked_file),
        ("postgres-2", locked_table),
        ("postgres-2", frozen_server),
    ],
)
async def test_spending_is_refused_at_once_and_what_runs_is_booked_once(
    kind: Kind, away: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = f"sqlite:///{tmp_path}/aethergate.db"
    if kind == "postgres-2":
        url: str = request.getfixturevalue("postgres_url")
        database = url.replace("postgresql://", "postgresql+asyncpg://")
    async with cluster(kind, tmp_path, database) as gates:
        await gates.start()
        key, urls = await new_key(gates), gates.urls()
        several = [urls[n % len(urls)] for n in range(8)]
        for url in several:
            assert (await asked(url, key)).status_code == 200  # all processes know the key, and keep what they know
        gates.backend.script(pieces=PIECES, delay=0.1)
        streams = [asyncio.create_task(asked(url, key, stream=True)) for url in several]
        async with asyncio.timeout(10):
            while gates.backend.running < len(streams):
                await asyncio.sleep(0.02)
        gates.backend.script(pieces=1)
        async with away(gates, request):
            first = [asked(url, key) for url in several] + [asked(url, key, once=f"first {url}") for url in urls]
            refused(await asyncio.gather(*first))
            for number in range(3):
                more = [asked(url, key) for url in urls] + [asked(url, key, once=f"{number} {url}") for url in urls]
                refused(await asyncio.gather(*more))
                await asyncio.sleep(1)
            ends = await asyncio.wait_for(asyncio.gather(*streams), 20)
        assert all(end.text.endswith("data: [DONE]\n\n") for end in ends)
        async with asyncio.timeout(20):
            while (await asked(urls[-1], key, once=f"first {urls[-1]}")).status_code != 200:
                await asyncio.sleep(0.2)
        await gates.resolved(20)
        rows = await gates.rows()
        assert {rows[end.headers["x-request-id"]]["charged"] for end in ends} == {3 * 1_000 + PIECES * 2_000}
        await gates.proved()
        await gates.stop()
