"""Backup: everything as it was at one moment, read beside a gateway that goes on serving.

SQLite: one read transaction on a connection of its own; in WAL mode it sees one state and stops nobody from writing.
PostgreSQL: one REPEATABLE READ READ ONLY transaction, as pg_dump does it.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from infra.config.database import DatabaseUrl
from infra.store.archive import FORMAT, KEPT, PAGE, VERSION, Archive, BackupRefused, Header
from infra.store.clock import now_us
from infra.store.migrate import SchemaTooNew, pending

_VERSION = "SELECT MAX(version) FROM schema_migrations"
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written: rows by table, the checksum of the unpacked lines, the schema's version."""

    path: Path
    schema: int
    rows: dict[str, int]
    sha256: str


async def backup(url: DatabaseUrl, path: Path, *, force: bool = False) -> Backup:
    """Writes the database to a file that only its owner can read. Raises BackupRefused (with the file there and no
    `force`, no database, a schema newer than ours), OSError, the driver's errors; then no file is left behind."""
    if not path.parent.is_dir():
        raise BackupRefused(f"{path.parent} is no folder: make it first")
    with Archive(path, force) as archive:
        if url.dialect == "sqlite":
            schema = await asyncio.to_thread(_from_sqlite, url.path, archive)
        else:
            schema = await _from_postgres(url, archive)
        sha256 = await asyncio.to_thread(archive.finish)
    return Backup(path, schema, archive.rows, sha256)


def _begin(archive: Archive, schema: int | None, dialect: str) -> int:
    if schema is None:
        raise BackupRefused("there is nothing to back up: the database has no tables of AetherGate yet")
    try:
        pending({schema}, dialect)
    except SchemaTooNew as error:
        raise BackupRefused(str(error)) from None  # it may have tables that we do not know
    archive.begin(Header(FORMAT, VERSION, schema, dialect, now_us()))
    return schema


def _from_sqlite(path: str, archive: Archive) -> int:
    if not Path(path).is_file():
        raise BackupRefused(f"there is nothing to back up: no database at {path}")
    with closing(sqlite3.connect(path, timeout=CONNECT_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")  # the first SELECT takes the snapshot
        there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = connection.execute(_VERSION).fetchone()[0] if "schema_migrations" in there else None
        schema = _begin(archive, found, "sqlite")
        for table in KEPT:
            kinds = {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({table})")}
            if not kinds:
                continue  # of a later schema than this database's
            archive.table(table, list(kinds))
            truths = [place for place, kind in enumerate(kinds.values()) if kind == "BOOLEAN"]
            for page in _pages(connection.execute(f"SELECT {', '.join(kinds)} FROM {table}")):
                archive.add([_with_truths(row, truths) for row in page])
    return schema


def _pages(cursor: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    while page := cursor.fetchmany(PAGE):
        yield page


def _with_truths(row: tuple[Any, ...], places: list[int]) -> list[Any]:
    """SQLite keeps booleans as numbers; PostgreSQL does not take those back."""
    found = list(row)
    for place in places:
        found[place] = bool(found[place])
    return found


async def _from_postgres(url: DatabaseUrl, archive: Archive) -> int:
    connection = await asyncpg.connect(**url.asyncpg(), timeout=CONNECT_SECONDS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            there = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
            schema = _begin(archive, await connection.fetchval(_VERSION) if there else None, "postgres")
            for table in KEPT:
                if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
                    await _table(connection, table, archive)
    finally:
        await connection.close()
    return schema


async def _table(connection: "asyncpg.Connection", table: str, archive: Archive) -> None:
    statement = await connection.prepare(f"SELECT * FROM {table}")
    archive.table(table, [column.name for column in statement.get_attributes()])
    cursor = await statement.cursor()
    while page := await cursor.fetch(PAGE):
        await asyncio.to_thread(archive.add, [list(row.values()) for row in page])
