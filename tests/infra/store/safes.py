"""A database that is busy while it is backed up, and what is in one."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.config.objects import Secrets
from infra.config.urls import database_url
from infra.identity import Identity
from infra.ledger.audit import AuditReport, audit
from infra.ledger.books import RequestRow
from infra.ledger.ledger import Ledger, TopUp
from infra.ledger.operations import Progress
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import PriceVersion, User

PRICE = {"input": 1_000_000_000, "output": 2_000_000_000}
SECRETS = Secrets(secret_key="a secret key for tests", master_api_key="master key for tests")
_numbers = itertools.count()


def fresh(request: pytest.FixtureRequest, folder: Path, kind: str) -> str:
    """The URL of one more empty database."""
    number = next(_numbers)
    if kind == "sqlite":
        return f"sqlite:///{folder}/fresh-{number}.db"
    server = request.getfixturevalue("postgres_server")
    server.psql(f"CREATE DATABASE fresh_{number};")
    uri: str = server.get_uri()
    return uri.replace("/postgres?", f"/fresh_{number}?").replace("postgres:@", "postgres@")


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """The store, closed at the end."""
    store = Store(database_url(url))
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def books(store: Store) -> AsyncIterator[tuple[Ledger, Identity]]:
    """The ledger and the identity of a gateway that serves, and a price."""
    ledger = Ledger(store, "inst_test")
    await ledger.start()
    await ledger.renew("http://127.0.0.1:1")
    if not await PriceVersion.filter(id="price_1").exists():
        await PriceVersion.create(
            id="price_1",
            model="m",
            version=1,
            price_json=json.dumps(PRICE),
            source="file",
            actor="test",
            created_us=now_us(),
        )
    try:
        yield ledger, Identity(store, SECRETS)
    finally:
        await ledger.stop()
        await store.rows("DELETE FROM instances")  # a clean end; a killed one keeps its lease for 15 s


async def user(ledger: Ledger, name: str = "ada") -> User:
    """With 1000 currency units."""
    return await ledger.open_user(name, 1_000 * 10**9, actor="test", address="here")


def draft(whose: User, id: str) -> RequestRow:
    """A request before its hold."""
    return RequestRow(id, "HELD", "inst_test", whose.id, "key", "chat", "m", now_us(), price_id="price_1")


async def ask(ledger: Ledger, whose: User, id: str, tokens: int) -> None:
    """One request from its hold to its bill, with a checkpoint between."""
    row = draft(whose, id)
    await ledger.hold(row, 2_000 * 1_000, 2_000 * 1_000)
    units = json.dumps({"input": tokens})
    ledger.progress(Progress(id, tokens * 1_000, units, tokens, 0, now_us()))
    await asyncio.sleep(0)
    await ledger.settle(replace(row, state="SETTLED", units_json=units, input_tokens=tokens), tokens * 1_000)


@contextlib.asynccontextmanager
async def load(ledger: Ledger, people: list[User]) -> AsyncIterator[None]:
    """Eight requests at a time and a top-up now and then, until the end of the `with`."""
    stop = asyncio.Event()

    async def lane(number: int) -> None:
        for count in itertools.count():
            if stop.is_set():
                return
            whose = people[(number + count) % len(people)]
            await ask(ledger, whose, f"req_{number}_{count}", 1 + count % 1_000)
            if count % 20 == 0:
                await ledger.post(TopUp(whose.id, 1_000, "more", "test", "here", f"{number}:{count}"))

    lanes = [asyncio.create_task(lane(number)) for number in range(8)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*lanes)


async def proved(url: str) -> AuditReport:
    """The audit of a database that nobody uses; it must be clean."""
    async with opened(url) as store:
        report = await audit(store, reprice=True)
    assert report.clean, report.findings
    return report


async def content(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows that a backup has, as they are."""
    from infra.store.archive import KEPT

    async with opened(url) as store:
        return {table: sorted(await store.rows(f"SELECT * FROM {table}"), key=str) for table in KEPT}
