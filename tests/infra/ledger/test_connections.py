"""Locks of a process that does not go on with its transaction."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from infra.config.urls import database_url
from infra.ledger import connections
from infra.ledger.connections import OwnPostgres
from infra.store.database import Store


@pytest.mark.parametrize("more", ["", "&statement_cache_size=0"], ids=["alone", "pgbouncer"])
async def test_who_stands_still_in_a_transaction_does_not_keep_its_locks(
    postgres_url: str, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.3)
    store = Store(database_url(postgres_url + more))
    one, two = OwnPostgres(store), OwnPostgres(store)
    await one.open()
    await two.open()
    began = time.monotonic()

    async def stands_still() -> Any:
        async with one.transaction(durable=False, locks=["slots of a"]) as connection:
            await asyncio.sleep(1.5)
            return await connection.fetchval("SELECT 1")

    still = asyncio.create_task(stands_still())
    await asyncio.sleep(0.1)
    async with asyncio.timeout(10), two.transaction(durable=False, locks=["slots of a"]):
        assert 0.2 < time.monotonic() - began < 1.4
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await still
    await one.open()
    async with one.transaction(durable=True, locks=["slots of a"]) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    for each in (one, two):
        await each.close()
