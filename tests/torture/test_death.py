"""kill -9 at any moment: what a client saw finish is settled once, nothing is charged that was not emitted, and what
the dead held is free again in time."""

import asyncio
import sqlite3
import time

import asyncpg
import pytest

from infra.config.urls import database_url
from infra.ledger.failpoint import NAMES, VARIABLE
from tests.standins.served import until
from tests.torture.cluster import FULL, Cluster
from tests.torture.load import Load, compare, new_key

KILLS = 100 if FULL else 3
ROUNDS = 5 if FULL else 1
DIED_SECONDS_MAX = 30
"""On PostgreSQL nothing may start before the slots of those killed before are free: a lease of 15 s and two seconds."""


async def test_kill_at_random_moments(gates: Cluster) -> None:
    gates.backend.script(pieces=20, delay=0.01)
    await gates.start()
    load = Load(gates, await new_key(gates), width=50 if FULL else 20)
    load.start()
    for _ in range(KILLS):
        await asyncio.sleep(gates.random.uniform(0.2, 1.2))
        await gates.kill()
    await asyncio.sleep(0.5)
    await gates.kill_all()
    died, dead = time.monotonic(), await gates.instances()
    await gates.start()
    restarted = time.monotonic()
    await gates.resolved(2 if gates.kind != "postgres-2" else 20 - (restarted - died), of=dead)
    freed = time.monotonic()
    await load.stop()
    await gates.resolved(20)
    await compare(gates, load)
    print(
        f"\n{gates.kind}: {KILLS} kills, {len(load.whole)} seen whole, {dict(load.ends)}; holds of the dead free"
        f" {freed - died:.1f} s after death, {freed - restarted:.1f} s after the restart"
    )
    assert len(load.whole) > KILLS


@pytest.mark.parametrize("name", NAMES)
async def test_every_named_place_to_die_at(gates: Cluster, name: str) -> None:
    gates.backend.script(pieces=10, delay=0.01)
    await gates.start()
    key = await new_key(gates)
    load = Load(gates, key, width=20)
    load.start()
    for round in range(ROUNDS):
        await gates.kill_all()
        await gates.start({VARIABLE: f"{name}:{1 if 'spool' in name else 10 + 7 * round}"})
        await asyncio.sleep(0.5)
        if "spool" in name:
            await until(lambda: gates.backend.running >= 5)  # there must be bills to spool
            await _outage(gates)
        assert await _died(gates), f"nobody came to {name}"
        await gates.kill_all()
        await gates.start()
        await asyncio.sleep(0.3)
    await load.stop()
    await gates.resolved(21)
    await compare(gates, load)


async def _died(gates: Cluster) -> bool:
    """Waits until the failpoint has done it."""
    for _ in range(DIED_SECONDS_MAX * 20):
        for gate in gates.gates:
            if gate.process.returncode is not None or any(line["event"] == "a worker died" for line in gate.lines):
                return True
        await asyncio.sleep(0.05)
    return False


async def _outage(gates: Cluster) -> None:
    """Nobody can commit for a while; then they can again, and the spool is emptied."""
    if gates.kind == "postgres-2":
        connection = await asyncpg.connect(**database_url(gates.database).asyncpg())
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(8)
        await transaction.rollback()
        await connection.close()
    else:
        other = sqlite3.connect(database_url(gates.database).path, isolation_level=None, timeout=5)
        other.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(4)
        other.execute("ROLLBACK")
        other.close()
