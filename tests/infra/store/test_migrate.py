"""Migrations on real databases."""

import asyncio
import sqlite3

import asyncpg
import pytest
from tortoise import Tortoise

from infra.config.urls import database_url
from infra.store.database import Store
from infra.store.migrate import Migration, SchemaTooNew, migrations

ALL = [step.name for step in migrations("sqlite")]


async def test_migrations_run_once_however_often_they_are_asked(database: str) -> None:
    store = Store(database_url(database))
    assert await store.migrate() == ALL
    assert await store.migrate() == []


async def test_migrations_run_once_however_many_start_together(database: str) -> None:
    steps = await asyncio.gather(*(Store(database_url(database)).migrate() for _ in range(6)))
    assert sorted(step for found in steps for step in found) == ALL


def _one_more(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """This version knows one step more."""
    monkeypatch.setattr(
        "infra.store.migrate.migrations", lambda dialect: [*migrations(dialect), Migration(9_000, "9000_more", script)]
    )


async def _tables(store: Store) -> set[str]:
    sql = "SELECT name FROM sqlite_master"
    if store.dialect == "postgres":
        sql = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    return {row["name"] for row in await store.rows(sql)}


async def test_a_step_that_fails_says_so_and_leaves_the_old_schema(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(database_url(database))
    await store.open()
    before = await _tables(store)
    with monkeypatch.context() as patched:
        _one_more(
            patched, "CREATE TABLE more (id TEXT);\nDROP TABLE instances;\nINSERT INTO more SELECT id FROM nowhere;\n"
        )
        with pytest.raises((sqlite3.OperationalError, asyncpg.UndefinedTableError), match="nowhere"):
            await Store(database_url(database)).migrate()
    assert await _tables(store) == before
    assert await store.migrate() == []
    await store.close()


async def test_a_step_may_take_longer_than_any_other_statement_and_the_others_wait_for_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.store.database.COMMAND_SECONDS", 1.0)
    _one_more(monkeypatch, "SELECT pg_sleep(2.5)")
    steps = await asyncio.gather(*(Store(database_url(postgres_url)).migrate() for _ in range(3)))
    assert sorted(step for found in steps for step in found) == [*ALL, "9000_more"]


async def test_a_newer_schema_is_refused(database: str) -> None:
    store = Store(database_url(database))
    await store.open()
    try:
        await store.rows("INSERT INTO schema_migrations (version, applied_us) VALUES (9999, 1)")
    finally:
        await store.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await store.migrate()


async def test_every_model_has_the_columns_of_its_table(database: str) -> None:
    store = Store(database_url(database))
    await store.open()
    try:
        for model in Tortoise.apps["aethergate"].values():
            wanted = set(model._meta.fields_db_projection.values())
            if store.dialect == "sqlite":
                rows = await store.rows(f"SELECT name FROM pragma_table_info('{model._meta.db_table}')")
            else:
                rows = await store.rows(
                    "SELECT column_name AS name FROM information_schema.columns WHERE table_name = ?",
                    model._meta.db_table,
                )
            assert {row["name"] for row in rows} == wanted, model.__name__
    finally:
        await store.close()
