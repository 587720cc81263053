"""The demo house: its books add up, it begins anew over itself and over nobody else."""

from pathlib import Path

import pytest

from infra.config.loader import load
from infra.config.objects import Manifest
from infra.config.urls import database_url
from infra.demo.fill import Filled, Wish, fill
from infra.demo.scratch import DemoRefused
from infra.ledger.audit import audit
from infra.store.database import Store
from tests.standins.running import SECRETS, running

MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  one: {{adapter: openai, url: "http://127.0.0.1:9"}}
  two: {{adapter: vllm, url: "http://127.0.0.1:9"}}
models:
  chat: {{backend: [one/chat, two/chat], price: {{input: 1.00/1M, output: 2.00/1M}}}}
  embed: {{backend: one/embed, price: {{input: 0.0375/1M}}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
"""
WISH = Wish(users=40, requests=1_500, days=5, seed=7)


def manifest(folder: Path, database: str) -> Manifest:
    path = folder / "gateway.yaml"
    path.write_text(MANIFEST.format(database=database))
    return load(path, {})


async def filled(folder: Path, database: str) -> tuple[Filled, list[tuple[int, int]]]:
    said: list[tuple[int, int]] = []
    found = await fill(manifest(folder, database), SECRETS, WISH, lambda done, total: said.append((done, total)))
    return found, said


async def counts(database: str) -> dict[str, int]:
    store = Store(database_url(database))
    await store.open()
    try:
        report = await audit(store, reprice=True)
        assert report.clean, report.findings
        assert (report.held_total, report.repriced > 1_000) == (0, True)
        rows = await store.rows(
            "SELECT 'state ' || state AS name, COUNT(*) AS n FROM requests GROUP BY state UNION ALL"
            " SELECT 'kind ' || kind, COUNT(*) FROM entries GROUP BY kind UNION ALL"
            " SELECT 'basis ' || basis, COUNT(*) FROM requests WHERE basis IS NOT NULL GROUP BY basis UNION ALL"
            " SELECT 'backend ' || backend, COUNT(*) FROM requests WHERE backend IS NOT NULL GROUP BY backend"
        )
        return {row["name"]: int(row["n"]) for row in rows}
    finally:
        await store.close()


async def test_the_books_of_a_demo_house_add_up_and_hold_what_an_owner_sees(tmp_path: Path, database: str) -> None:
    found, said = await filled(tmp_path, database)
    assert (found.users, found.requests, said[-1]) == (40, 1_500, (1_500, 1_500))
    held = await counts(database)
    assert held["state SETTLED"] + held["state VOID"] == 1_500
    wanted = {"state SETTLED", "state VOID", "kind usage", "kind topup", "basis measured", "basis estimated"}
    assert wanted | {"backend one", "backend two"} <= set(held)


async def test_the_same_seed_over_it_makes_the_same_house_anew(tmp_path: Path, database: str) -> None:
    await filled(tmp_path, database)
    first = await counts(database)
    await filled(tmp_path, database)
    again = await counts(database)
    assert again["state SETTLED"] + again["state VOID"] == 1_500
    assert abs(again["state SETTLED"] - first["state SETTLED"]) < 150, "the hours of the day are others by now"


async def test_a_gateway_on_it_adds_no_price_and_takes_the_key_that_was_named(tmp_path: Path, database: str) -> None:
    found, _ = await filled(tmp_path, database)
    async with running(tmp_path, MANIFEST, database) as gateway:
        rows = await gateway.gateway.store.rows("SELECT id FROM price_versions WHERE actor = 'gateway.yaml'")
        assert len(rows) <= 4, "two models, each with two versions at most"
        refused = await gateway.post("/v1/chat/completions", found.key, {"model": "chat"})
        assert refused.status_code in (400, 403), refused.text
        [key] = await gateway.gateway.store.rows("SELECT active, expires_us FROM keys WHERE prefix = ?", found.key[:15])
        assert key["active"] and key["expires_us"] is None, "it is named to be used"


async def test_a_database_that_is_in_use_is_left_alone(tmp_path: Path, database: str) -> None:
    async with running(tmp_path, MANIFEST, database) as gateway:
        await gateway.key("ada")
    with pytest.raises(DemoRefused, match="users: 1"):
        await filled(tmp_path, database)


async def test_a_demo_house_that_somebody_used_since_is_left_alone(tmp_path: Path, database: str) -> None:
    await filled(tmp_path, database)
    async with running(tmp_path, MANIFEST, database) as gateway:
        await gateway.key("somebody new")
    with pytest.raises(DemoRefused, match="used since"):
        await filled(tmp_path, database)


async def test_a_filled_postgresql_leaves_nothing_to_its_autovacuum(tmp_path: Path, database: str) -> None:
    await filled(tmp_path, database)
    store = Store(database_url(database))
    await store.open()
    try:
        if store.dialect == "sqlite":
            rows = await store.rows("SELECT COUNT(*) AS n FROM sqlite_stat1 WHERE tbl = 'requests'")
            assert rows[0]["n"] > 0
            return
        rows = await store.rows(
            "SELECT relname FROM pg_class WHERE relname IN ('requests', 'entries', 'keys', 'usage_hours')"
            " AND relnamespace = current_schema()::regnamespace AND relallvisible = relpages AND reltuples > 0"
        )
        assert {row["relname"] for row in rows} == {"requests", "entries", "keys", "usage_hours"}
    finally:
        await store.close()
