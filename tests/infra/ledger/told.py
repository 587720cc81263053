"""Vaults of two processes on PostgreSQL that tell how each batch was written."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.config.urls import database_url
from infra.ledger import audit as audits
from infra.ledger.books import RequestRow
from infra.ledger.operations import Hold, OpenUser, Operation, Post, Renew, Result, Settle
from infra.ledger.postgres_vault import PostgresVault
from infra.store.clock import now_us
from infra.store.database import Store

USER = "user_ada"


class Told(PostgresVault):
    """A vault that remembers how each batch was written: with the round trips of its transaction, or at once."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.ways: list[str] = []

    async def _at_once(self, *arguments: Any) -> bool:
        so = await super()._at_once(*arguments)
        self.ways.append("at once" if so else "not so")
        return so

    async def _in_turn(self, *arguments: Any) -> Any:
        self.ways.append("in turn")
        return await super()._in_turn(*arguments)

    async def of(self, *operations: Operation) -> list[Result]:
        self.ways.clear()
        results, _ = await self.commit(operations)
        return results


@pytest.fixture
async def postgres_store(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.chdir(tmp_path)
    found = Store(database_url(postgres_url))
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def vaults(postgres_store: Store) -> AsyncIterator[tuple[Told, Told]]:
    """Those of two processes, and a user with 10,000 nano-units whom both know."""
    both = Told(postgres_store), Told(postgres_store)
    for number, vault in enumerate(both):
        await vault.open()
        await vault.commit([Renew(f"inst_{number}", None, now_us())])
    await both[0].commit([OpenUser(USER, "ada", 10_000, 1, "{}", "t", "t", now_us())])
    for number, vault in enumerate(both):
        await vault.commit([Hold(row(f"req_first_{number}"), 0, 0, now_us())])
    yield both
    for vault in both:
        await vault.close()


def row(id: str, user: str = USER) -> RequestRow:
    return RequestRow(id, "HELD", "inst_0", user, "key", "chat", "m", now_us())


def hold(id: str, amount: int, user: str = USER) -> Hold:
    return Hold(row(id, user), amount, amount, now_us())


def settle(id: str, amount: int, user: str = USER) -> Settle:
    ended = row(id, user).changed(state="SETTLED", basis="measured", finished_us=now_us(), status=200)
    return Settle(ended, amount)


def topup(amount: int, id: str) -> Post:
    return Post(id, "topup", USER, amount, None, "t", "t", "paid", now_us())


async def money(store: Store) -> tuple[int, int]:
    (found,) = await store.rows("SELECT balance, held FROM users WHERE id = ?", USER)
    return found["balance"], found["held"]


async def clean(store: Store) -> None:
    report = await audits.audit(store)
    assert report.clean, report.findings


async def waiting(store: Store) -> None:
    """Until somebody waits for a row."""
    somebody = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(5):
        while not await store.rows(somebody):
            await asyncio.sleep(0.02)
