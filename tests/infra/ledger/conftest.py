"""An open ledger on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from infra.config.urls import database_url
from infra.ledger.ledger import Ledger
from infra.store.database import Store
from tests.infra.ledger.told import postgres_store, vaults

__all__ = ["ledger", "postgres_store", "store", "vaults"]


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    found = Store(database_url(database))
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def ledger(store: Store) -> AsyncIterator[Ledger]:
    found = Ledger(store, "inst_test")
    await found.start()
    await found.renew("http://127.0.0.1:1")
    yield found
    await found.stop()
