"""Backup and restore on both databases: consistent under load, proved before it counts, nothing revoked comes back."""

import asyncio
import contextlib
import gzip
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.config.urls import database_url
from infra.rollups.figures import HOUR_US
from infra.rollups.roller import Roller
from infra.store import archive
from infra.store.archive import BackupRefused
from infra.store.backup import backup
from infra.store.clock import now_us
from infra.store.migrate import migrate_sqlite, migrations
from infra.store.models import Request, User
from infra.store.restore import restore
from tests.infra.store import safes


@pytest.fixture
async def kept(database: str, tmp_path: Path) -> Path:
    """A backup of two users, one of them with a key, and twenty requests."""
    async with safes.opened(database) as store, safes.books(store) as (ledger, identity):
        ada, bob = await safes.user(ledger), await safes.user(ledger, "bob")
        await identity.keys.mint(ada, "one")
        for number in range(20):
            await safes.ask(ledger, (ada, bob)[number % 2], f"req_{number}", number + 1)
        while await Roller(store).step(now_us() + 24 * HOUR_US):
            pass
        await backup(database_url(database), tmp_path / "kept.backup")
    return tmp_path / "kept.backup"


async def test_five_backups_under_load_each_restore_to_a_clean_audit(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url, files = database_url(database), [tmp_path / f"{number}.backup" for number in range(5)]
    async with safes.opened(database) as store, safes.books(store) as (ledger, _):
        people = [await safes.user(ledger, name) for name in ("ada", "bob", "eve")]
        async with safes.load(ledger, people):
            for file in files:
                await asyncio.sleep(0.3)
                await backup(url, file)
    counts, open_requests = [], 0
    for file in files:
        other = safes.fresh(request, tmp_path, url.dialect)
        restored = await restore(database_url(other), file)
        report = await safes.proved(other)
        assert report.held_total == 0
        counts.append(report.requests)
        open_requests += restored.recovered
    assert counts == sorted(set(counts)), "each one was taken later, with more in it"
    assert open_requests > 0, "they were taken under load"


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
async def test_a_backup_of_one_database_is_the_same_in_the_other(
    database: str, kept: Path, target: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    other = safes.fresh(request, tmp_path, target)
    await restore(database_url(other), kept)
    before, after = await safes.content(database), await safes.content(other)
    full = {table for table, rows in before.items() if rows}
    assert {"users", "keys", "price_versions", "requests", "entries", "usage_hours", "rollup_state"} <= full
    assert after == before  # SQLite says 1 and 0 for true and false: equal in Python


async def test_requests_that_ran_are_ended_as_those_of_a_dead_process(database: str, tmp_path: Path) -> None:
    url, file = database_url(database), tmp_path / "open.backup"
    async with safes.opened(database) as store, safes.books(store) as (ledger, _):
        ada = await safes.user(ledger)
        await ledger.hold(safes.draft(ada, "req_open"), 5_000, 5_000)
        await backup(url, file)
    assert (await restore(url, file)).recovered == 1
    report = await safes.proved(database)
    assert report.held_total == 0
    async with safes.opened(database):
        found = await Request.get(id="req_open")
        assert (found.state, found.error_code) == ("VOID", "gateway_died")


def damaged(file: Path, how: str) -> Path:
    data, bad = file.read_bytes(), file.with_name(f"{how}.backup")
    lines = gzip.decompress(data).splitlines(keepends=True)
    header = json.loads(lines[0])
    match how:
        case "cut":
            bad.write_bytes(data[: len(data) // 2])
        case "bit":
            bad.write_bytes(data[:200] + bytes([data[200] ^ 4]) + data[201:])
        case "no end":
            bad.write_bytes(gzip.compress(b"".join(lines[:-1])))
        case "changed":
            bad.write_bytes(gzip.compress(b"".join(lines).replace(b"1000000000000", b"9000000000000", 1)))
        case "row lost":
            bad.write_bytes(gzip.compress(b"".join(lines[:-2] + lines[-1:])))
        case "newer":
            bad.write_bytes(gzip.compress(json.dumps({**header, "schema": 9999}).encode() + b"\n"))
        case "newer format":
            bad.write_bytes(gzip.compress(json.dumps({**header, "version": 9999}).encode() + b"\n"))
        case "no backup":
            bad.write_bytes(b"something else")
    return bad


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "damaged"),
        ("bit", "damaged"),
        ("no end", "cut short"),
        ("changed", "damaged"),
        ("row lost", "damaged"),
        ("newer", "newer AetherGate"),
        ("newer format", "newer AetherGate"),
        ("no backup", "no backup"),
    ],
)
async def test_a_bad_file_is_refused_and_nothing_is_touched(database: str, kept: Path, how: str, said: str) -> None:
    before = await safes.content(database)
    with pytest.raises(BackupRefused, match=said):
        await restore(database_url(database), damaged(kept, how))
    assert await safes.content(database) == before
    assert await leavings(database) == []


async def leavings(database: str) -> list[str]:
    """What a restore would have left behind."""
    url = database_url(database)
    if url.dialect == "sqlite":
        return [path.name for path in Path(url.path).parent.iterdir() if "restor" in path.name or "part" in path.name]
    async with safes.opened(database) as store:
        return [
            row["nspname"] for row in await store.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%restor%'")
        ]


async def test_a_backup_whose_books_do_not_add_up_is_refused(database: str, kept: Path) -> None:
    lines = gzip.decompress(kept.read_bytes()).splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if line.startswith(b'["user_'))
    row = json.loads(lines[place])
    columns = json.loads(lines[1])["columns"]
    row[columns.index("balance")] += 1
    lines[place] = json.dumps(row).encode() + b"\n"
    end = json.loads(lines[-1])
    end["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    bad = kept.with_name("wrong.backup")
    bad.write_bytes(gzip.compress(b"".join(lines[:-1]) + json.dumps(end, separators=(",", ":")).encode() + b"\n"))
    before = await safes.content(database)
    with pytest.raises(BackupRefused, match="does not add up"):
        await restore(database_url(database), bad)
    assert await safes.content(database) == before
    assert await leavings(database) == []


async def test_the_old_database_is_kept_and_a_second_restore_keeps_its_own(database: str, kept: Path) -> None:
    url = database_url(database)
    async with safes.opened(database) as store, safes.books(store) as (ledger, _):
        await safes.user(ledger, "late")
    first, second = await restore(url, kept), await restore(url, kept)
    assert first.swapped is not None and second.swapped is not None
    assert first.swapped.kept != second.swapped.kept
    async with safes.opened(database):
        assert await User.filter(name="late").count() == 0
    where = first.swapped.kept or ""
    if url.dialect == "sqlite":
        assert where.endswith("aethergate.db.before-restore")
        assert (await safes.proved(f"sqlite:///{where}")).users == 3
    else:
        async with safes.opened(database) as store:
            assert len(await store.rows("SELECT id FROM before_restore.users")) == 3


async def test_what_was_booked_stays_append_only_after_a_restore(database: str, kept: Path) -> None:
    await restore(database_url(database), kept)
    async with safes.opened(database) as store:
        for sql in ("UPDATE entries SET amount = 1", "DELETE FROM price_versions"):
            with pytest.raises(Exception, match=r"append-only|immutable"):
                await store.rows(sql)


async def test_a_database_in_use_is_not_replaced_but_a_check_is_allowed(database: str, kept: Path) -> None:
    from infra.runtime.lock import DatabaseLock, DatabaseLocked

    url = database_url(database)
    if url.dialect == "sqlite":
        lock = DatabaseLock(url.path)
        lock.acquire("http://127.0.0.1:1")
        with pytest.raises(DatabaseLocked, match="stop it first"):
            await restore(url, kept)
        assert (await restore(url, kept, check=True)).swapped is None
        lock.release()
        return
    async with safes.opened(database) as store:
        await store.rows(
            "INSERT INTO instances VALUES ('inst_a', 'http://10.0.0.1:8000', 1,"
            " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 15000000)"
        )
    with pytest.raises(BackupRefused, match=r"10\.0\.0\.1:8000.*stop it first"):
        await restore(url, kept)
    assert (await restore(url, kept, check=True)).swapped is None
    assert await leavings(database) == []


def as_first_schema(lines: list[bytes], scratch: Path) -> tuple[bytes, set[str]]:
    """The lines of a backup, header and end apart, without tables and columns that the first schema did not have."""
    migrate_sqlite(str(scratch), until=1)
    found: list[Any] = []
    tables, kept = set[str](), list[int]()
    with contextlib.closing(sqlite3.connect(scratch)) as connection:
        for line in map(json.loads, lines):
            if isinstance(line, list):
                found += [[line[number] for number in kept]] if kept else []
                continue
            old = {row[1] for row in connection.execute(f"PRAGMA table_info({line['table']})")}
            kept = [number for number, name in enumerate(line["columns"]) if name in old]
            if kept:
                tables.add(line["table"])
                found.append({**line, "columns": [line["columns"][number] for number in kept]})
    return b"".join(msgspec.json.encode(line) + b"\n" for line in found), tables


async def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    request: pytest.FixtureRequest, database: str, kept: Path, tmp_path: Path
) -> None:
    header, *lines, last = gzip.decompress(kept.read_bytes()).splitlines(keepends=True)
    first = msgspec.json.encode({**json.loads(header), "schema": 1}) + b"\n"
    body, tables = as_first_schema(lines, tmp_path / "first.db")
    body = first + body
    rows = {table: count for table, count in json.loads(last)["rows"].items() if table in tables}
    end = {**json.loads(last), "rows": rows, "sha256": hashlib.sha256(body).hexdigest()}
    old = tmp_path / "old.backup"
    old.write_bytes(gzip.compress(body + msgspec.json.encode(end) + b"\n"))
    url = database_url(safes.fresh(request, tmp_path, database_url(database).dialect))
    restored = await restore(url, old)
    assert restored.migrations == [step.name for step in migrations(url.dialect)[1:]]


async def test_a_backup_replaces_no_file_unless_told_and_is_for_its_owner_alone(database: str, kept: Path) -> None:
    url, before = database_url(database), kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupRefused, match="exists already"):
        await backup(url, kept)
    assert kept.read_bytes() == before
    await backup(url, kept, force=True)
    assert kept.read_bytes() != before
    assert [path for path in kept.parent.iterdir() if "part" in path.name] == []


async def test_an_empty_database_has_nothing_to_back_up(database: str, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="nothing to back up"):
        await backup(database_url(database), tmp_path / "x.backup")
    assert not (tmp_path / "x.backup").exists()


async def test_a_broken_sqlite_file_is_replaced_all_the_same(kept: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    restored = await restore(database_url(f"sqlite:///{broken}"), kept)
    assert restored.swapped is not None and not restored.swapped.readable
    assert (await safes.proved(f"sqlite:///{broken}")).users == 2


async def test_every_table_is_either_in_a_backup_or_left_out_on_purpose(database: str) -> None:
    async with safes.opened(database) as store:
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        if store.dialect == "postgres":
            sql = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        assert {row["name"] for row in await store.rows(sql)} == {*archive.KEPT, *archive.LEFT_OUT}
