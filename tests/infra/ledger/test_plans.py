"""How PostgreSQL finds and follows the rows of a batch, whatever is in the tables and however the database is set."""

import asyncio
import re

import asyncpg
import pytest

from infra.config.urls import database_url
from infra.ledger import postgres_sql as sql
from infra.ledger.operations import Billed, Done, Progress
from infra.store.database import Store
from tests.infra.ledger.told import USER, Told, clean, hold, money, settle, waiting


@pytest.fixture
def store(postgres_store: Store) -> Store:
    return postgres_store


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("requests", [0, 3, 40, 200])
async def test_open_requests_are_found_by_their_ids_whatever_a_plan_was_made_for(
    vaults: tuple[Told, Told], store: Store, requests: int, single: bool
) -> None:
    """A plan is kept until the tables are analyzed again: one that reads all (open) requests would get slower with
    every one."""
    mine, _ = vaults
    for first in range(0, requests, 20):
        ids = [f"req_{number}" for number in range(first, min(requests, first + 20))]
        await mine.of(*(hold(id, 1) for id in ids))
        await mine.of(*(settle(id, 1) for id in ids[1:]))
    await store.run("ANALYZE")
    statement = sql.at_once(True, True, True, True, durable=True, single=single)
    await mine.connected.execute(f"PREPARE whole AS {statement}")
    nulls = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement))))
    plan = [line[0].strip() for line in await mine.connected.fetch(f"EXPLAIN EXECUTE whole ({nulls})")]
    found = [number for number, line in enumerate(plan) if "Scan" in line and "requests" in line]
    assert len(found) == (2 if single else 1)
    for number in found:
        assert plan[number].startswith("->  Index Scan using requests_pkey") and plan[number + 1].startswith(
            "Index Cond"
        )
    assert ("Conflict Arbiter Indexes: requests_pkey" in plan) is not single


async def test_no_machine_code_is_made_for_a_statement_that_reads_a_few_rows(vaults: tuple[Told, Told]) -> None:
    assert [await vault.connected.fetchval("SHOW jit") for vault in vaults] == ["off", "off"]


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_whoever_waits_for_an_account_is_served_whatever_the_databases_isolation(
    vaults: tuple[Told, Told], store: Store, postgres_url: str, level: str
) -> None:
    name = (await store.rows("SELECT current_database() AS name"))[0]["name"]
    await store.run(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = '{level}'")
    for vault in vaults:
        await vault.open()

    async def one(vault: Told, process: int) -> None:
        for number in range(30):
            vault._shared_until = 0.0
            await vault.of(hold(f"req_{process}_{number}", 5))
            await vault.of(settle(f"req_{process}_{number}", 3))

    await asyncio.gather(*(one(vault, process) for process, vault in enumerate(vaults)))
    assert await money(store) == (10_000 - 60 * 3, 0)
    await clean(store)


@pytest.mark.parametrize("open", ["req_1", "req_2"])
async def test_rows_that_were_changed_and_changed_back_while_a_batch_waited_are_written(
    vaults: tuple[Told, Told], store: Store, postgres_url: str, open: str
) -> None:
    """Its snapshot shows their older versions; what it writes must follow to the newest, of accounts and requests."""
    mine, _ = vaults
    await mine.of(hold("req_1", 500), hold("req_2", 0))
    third = await asyncpg.connect(**database_url(postgres_url).asyncpg())
    async with third.transaction():
        await third.execute("UPDATE users SET held = held + 1 WHERE id = $1", USER)
        await third.execute("UPDATE users SET held = held - 1 WHERE id = $1", USER)
        await third.execute("UPDATE requests SET status = 1 WHERE id = $1", open)
        late = asyncio.create_task(mine.of(settle("req_1", 300), Progress("req_2", 9, "{}", 1, 1, None)))
        await waiting(store)
    await third.close()
    assert await late == [Billed("SETTLED", 300, 0, 9_700), Done()]
    assert mine.ways == ["at once"]
    assert await money(store) == (9_700, 0)
    kept = await store.rows("SELECT state, progress FROM requests WHERE id IN ('req_1', 'req_2') ORDER BY id")
    assert [(row["state"], row["progress"]) for row in kept] == [("SETTLED", 0), ("STREAMING", 9)]
    await clean(store)
