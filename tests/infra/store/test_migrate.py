"""Migrations on real databases."""

import asyncio

import pytest
from tortoise import Tortoise

from infra.config.urls import database_url
from infra.store.database import Store
from infra.store.migrate import SchemaTooNew, migrations

ALL = [step.name for step in migrations("sqlite")]


async def test_migrations_run_once_however_often_they_are_asked(database: str) -> None:
    store = Store(database_url(database))
    assert await store.migrate() == ALL
    assert await store.migrate() == []


async def test_migrations_run_once_however_many_start_together(database: str) -> None:
    steps = await asyncio.gather(*(Store(database_url(database)).migrate() for _ in range(6)))
    assert sorted(step for found in steps for step in found) == ALL


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
