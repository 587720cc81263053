"""A batch as one statement on PostgreSQL, decided on what this process remembers: nobody else's writing is lost or
overlooked."""

import asyncio
import random
from collections.abc import Sequence

import asyncpg
import pytest

from infra.config.urls import database_url
from infra.ledger.operations import (
    Billed,
    Done,
    Held,
    OpenUser,
    Operation,
    Progress,
    Recover,
    Refused,
    Result,
    Void,
)
from infra.store.clock import now_us
from infra.store.database import Store
from tests.infra.ledger.told import USER, Told, clean, hold, money, row, settle, topup, waiting


@pytest.fixture
def store(postgres_store: Store) -> Store:
    return postgres_store


async def test_a_hold_its_checkpoint_and_its_bill_are_one_statement_each(
    vaults: tuple[Told, Told], store: Store
) -> None:
    mine, _ = vaults
    assert await mine.of(hold("req_1", 500)) == [Held(500, False)]
    assert mine.ways == ["at once"]
    assert await mine.of(Progress("req_1", 200, '{"input": 1}', 1, 0, now_us())) == [Done()]
    assert mine.ways == ["at once"]
    assert await mine.of(settle("req_1", 300)) == [Billed("SETTLED", 300, 0, 9_700)]
    assert mine.ways == ["at once"]
    assert await money(store) == (9_700, 0)
    (kept,) = await store.rows("SELECT * FROM requests WHERE id = 'req_1'")
    assert (kept["state"], kept["charged"], kept["held"], kept["progress"]) == ("SETTLED", 300, 500, 200)
    (entry,) = await store.rows("SELECT * FROM entries WHERE request_id = 'req_1'")
    assert (entry["amount"], entry["balance_after"], entry["debit"]) == (300, 9_700, f"user:{USER}")
    await clean(store)


async def test_a_batch_of_all_of_them_together_is_one_statement_too(vaults: tuple[Told, Told], store: Store) -> None:
    mine, _ = vaults
    await mine.of(hold("req_1", 500), hold("req_2", 500))
    assert mine.ways == ["at once"]
    done = await mine.of(
        settle("req_1", 100), hold("req_3", 700), Void(row("req_2")), Progress("req_3", 5, "{}", 1, 1, None)
    )
    assert done == [Billed("SETTLED", 100, 0, 9_900), Held(700, False), Billed("VOID", 0, 0, 9_900), Done()]
    assert mine.ways == ["at once"]
    assert await money(store) == (9_900, 700)
    await clean(store)


async def test_what_another_process_did_to_the_account_is_seen(vaults: tuple[Told, Told], store: Store) -> None:
    mine, other = vaults
    assert await other.of(hold("req_o", 9_000)) == [Held(9_000, False)]
    (refused,) = await mine.of(hold("req_1", 5_000))
    assert isinstance(refused, Refused) and refused.why == "on_hold"
    assert mine.ways == ["not so", "in turn"]
    assert await mine.of(hold("req_2", 800)) == [Held(800, False)]
    assert mine.ways == ["in turn"]  # for a while it asks first
    assert await money(store) == (10_000, 9_800)
    await clean(store)


async def test_a_no_is_never_said_from_memory(vaults: tuple[Told, Told], store: Store) -> None:
    mine, other = vaults
    (refused,) = await mine.of(hold("req_1", 20_000))
    assert isinstance(refused, Refused) and refused.why == "too_low"
    assert mine.ways == ["in turn"]
    await other.of(topup(15_000, "t:1"))
    assert await mine.of(hold("req_2", 20_000)) == [Held(20_000, False)]
    assert await money(store) == (25_000, 20_000)
    await clean(store)


async def test_an_account_that_was_switched_off_gets_no_hold(vaults: tuple[Told, Told], store: Store) -> None:
    mine, _ = vaults
    await store.run("UPDATE users SET active = FALSE WHERE id = ?", USER)
    (refused,) = await mine.of(hold("req_1", 500))
    assert isinstance(refused, Refused) and refused.why == "inactive"
    assert await money(store) == (10_000, 0)


async def test_a_request_that_another_process_ended_stays_as_it_ended(vaults: tuple[Told, Told], store: Store) -> None:
    """Its owner seemed dead; where nothing was charged, the account is as it was before."""
    mine, other = vaults
    await mine.of(hold("req_1", 500), hold("req_2", 0))
    await other.of(Recover("req_1", USER, now_us()), Recover("req_2", USER, now_us()))
    assert await mine.of(settle("req_2", 300)) == [Billed("VOID", 0, 0, 10_000)]
    assert await mine.of(settle("req_1", 300)) == [Billed("VOID", 0, 0, 10_000)]
    assert await money(store) == (10_000, 0)
    await clean(store)


async def test_a_second_end_gets_the_first_ones_answer(vaults: tuple[Told, Told], store: Store) -> None:
    mine, _ = vaults
    await mine.of(hold("req_1", 500))
    first = await mine.of(settle("req_1", 300))
    assert await mine.of(settle("req_1", 400)) == first
    assert await mine.of(Void(row("req_1"))) == first
    await clean(store)


async def test_a_late_statement_does_nothing_to_a_request_that_was_tried_again_and_has_ended(
    vaults: tuple[Told, Told], store: Store, postgres_url: str
) -> None:
    """The account is to the nano-unit what the late one was decided on, and its snapshot does not show the request."""
    mine, _ = vaults
    third = await asyncpg.connect(**database_url(postgres_url).asyncpg())
    await third.execute("BEGIN")
    await third.execute("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", USER)
    late = asyncio.create_task(mine.of(hold("req_1", 500)))
    await waiting(store)
    await third.execute(
        "INSERT INTO requests (id, state, instance, user_id, key_id, endpoint, model, created_us)"
        f" VALUES ('req_1', 'VOID', 'inst_0', '{USER}', 'key', 'chat', 'm', 1)"
    )
    await third.execute("COMMIT")
    await late
    assert mine.ways == ["not so", "in turn"]
    assert await money(store) == (10_000, 0)
    (kept,) = await store.rows("SELECT state, held FROM requests WHERE id = 'req_1'")
    assert (kept["state"], kept["held"]) == ("VOID", 0)
    await clean(store)
    await third.close()


async def test_a_late_checkpoint_does_not_go_back_behind_a_newer_one(vaults: tuple[Told, Told], store: Store) -> None:
    mine, _ = vaults
    await mine.of(hold("req_1", 500))
    await store.run("UPDATE requests SET state = 'STREAMING', progress = 90, input_tokens = 9 WHERE id = 'req_1'")
    await mine.of(Progress("req_1", 50, "{}", 5, 0, None))
    (kept,) = await store.rows("SELECT progress, input_tokens FROM requests WHERE id = 'req_1'")
    assert (kept["progress"], kept["input_tokens"]) == (90, 9)


async def test_behind_a_pooler_of_connections_every_batch_is_a_transaction(store: Store, postgres_url: str) -> None:
    separator = "&" if "?" in postgres_url else "?"
    vault = Told(Store(database_url(f"{postgres_url}{separator}statement_cache_size=0")))
    await vault.open()
    await vault.of(OpenUser(USER, "ada", 10_000, 1, "{}", "t", "t", now_us()))
    await vault.of(hold("req_1", 500))
    await vault.of(settle("req_1", 500))
    assert vault.ways == ["in turn"]
    assert await money(store) == (9_500, 0)
    await vault.close()


async def test_only_what_must_reach_the_disk_waits_for_it(vaults: tuple[Told, Told], store: Store) -> None:
    """A commit that does not wait for the disk is reported before the log is flushed up to it."""
    mine, _ = vaults
    flushed = "SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn() AS all_of_it"

    async def on_disk(*operations: Operation) -> bool:
        await mine.of(*operations)
        assert mine.ways == ["at once"]
        return bool(await mine.connected.fetchval(flushed))

    left = [await on_disk(hold(f"req_{number}", 1)) for number in range(20)]
    assert not all(left)  # the server's own writer comes by five times a second
    done = [await on_disk(settle(f"req_{number}", 1)) for number in range(20)]
    assert sum(done) >= 15  # the server may write for itself in between


async def test_two_processes_that_write_the_same_accounts_lose_nothing(
    vaults: tuple[Told, Told], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both guess again at once, so that every batch of one makes the other's guess wrong."""
    users = [USER, "user_bob", "user_eve"]
    for name in ("bob", "eve"):
        await vaults[0].commit([OpenUser(f"user_{name}", name, 10_000, 1, "{}", "t", "t", now_us())])
    ways: list[str] = []
    charged = 0

    async def one(vault: Told, seed: int) -> None:
        nonlocal charged
        dice, open, number = random.Random(seed), [], 0
        for _ in range(120):
            vault._shared_until = 0.0
            batch: list[Operation] = []
            for _ in range(dice.randint(1, 5)):
                if open and dice.random() < 0.6:
                    id, user = open.pop(dice.randrange(len(open)))
                    batch.append(dice.choice([settle(id, dice.randint(0, 9), user), Void(row(id, user))]))
                elif open and dice.random() < 0.3:
                    batch.append(Progress(open[-1][0], dice.randint(0, 9), "{}", 1, 1, None))
                else:
                    number += 1
                    user = dice.choice(users)
                    batch.append(hold(f"req_{seed}_{number}", 10, user))
                    open.append((f"req_{seed}_{number}", user))
            results: Sequence[Result] = await vault.of(*batch)
            ways.extend(vault.ways)
            charged += sum(result.charged for result in results if isinstance(result, Billed))

    await asyncio.gather(one(vaults[0], 1), one(vaults[1], 2))
    assert {"at once", "not so", "in turn"} == set(ways)
    (total,) = await store.rows("SELECT SUM(balance) AS balance FROM users")
    assert total["balance"] == 30_000 - charged
    await clean(store)


async def test_a_bill_reaches_the_disk_where_the_databases_default_is_not_to_wait(
    vaults: tuple[Told, Told], store: Store
) -> None:
    name = (await store.rows("SELECT current_database() AS name"))[0]["name"]
    await store.run(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    mine, _ = vaults
    await mine.open()
    assert await mine.connected.fetchval("SHOW synchronous_commit") == "on"
