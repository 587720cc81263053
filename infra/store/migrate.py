"""Brings a database to this version's schema: numbered SQL files, each applied once, in one transaction under a lock.

A failing migration leaves the old schema as it was. A database that a newer version has migrated is refused.
"""

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from infra.store.clock import now_us

LOCK = 0x41_47_4D_49_47  # "AGMIG": the advisory lock under which PostgreSQL migrates, one process at a time
LOCK_SECONDS = 30
_TABLE = "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, applied_us BIGINT NOT NULL)"


class SchemaTooNew(Exception):
    """The database belongs to a newer version of AetherGate."""


@dataclass(frozen=True)
class Migration:
    """One step: SQL for both databases, then SQL for this one."""

    version: int
    name: str
    script: str


def migrations(dialect: str) -> list[Migration]:
    """All steps for "sqlite" or "postgres", in order; `NNNN_name.sql` and `NNNN_name.<dialect>.sql` make one."""
    names = {
        file.name.partition(".")[0] for file in files("infra.store.migrations").iterdir() if file.name.endswith(".sql")
    }
    return [Migration(int(name[:4]), name, _whole(name, dialect)) for name in sorted(names)]


def _whole(stem: str, dialect: str) -> str:
    folder = files("infra.store.migrations")
    parts = [folder / f"{stem}.sql", folder / f"{stem}.{dialect}.sql"]
    return "\n".join(part.read_text(encoding="utf-8") for part in parts if part.is_file())


def pending(applied: set[int], dialect: str, until: int | None = None) -> list[Migration]:
    """The steps that are missing, up to the version `until` (None: all); raises SchemaTooNew."""
    known = migrations(dialect)
    newest = max(step.version for step in known)
    if applied and max(applied) > newest:
        raise SchemaTooNew(
            f"The database has schema {max(applied)}, this version knows {newest}: start the newer AetherGate again."
        )
    return [step for step in known if step.version not in applied and (until is None or step.version <= until)]


def migrate_sqlite(path: str, until: int | None = None) -> list[str]:
    """Migrates a file and returns the names of the steps taken; waits up to 30 s for another process that migrates."""
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
    try:
        _use_wal(connection)
        connection.execute("PRAGMA foreign_keys=OFF")  # a rebuilt table must not cascade into its children
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(_TABLE)
            applied = {row[0] for row in connection.execute("SELECT version FROM schema_migrations")}
            steps = pending(applied, "sqlite", until)
            for step in steps:
                for statement in _statements(step.script):
                    connection.execute(statement)
                connection.execute("INSERT INTO schema_migrations VALUES (?, ?)", (step.version, now_us()))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    finally:
        connection.close()
    return [step.name for step in steps]


def _use_wal(connection: sqlite3.Connection) -> None:
    """The one statement that ignores the busy timeout: another process that switches at the same moment wins."""
    give_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def _statements(script: str) -> Iterator[str]:
    """Splits by SQLite's own idea of a complete statement: a trigger holds semicolons."""
    held = ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            yield held
            held = ""
    if held.strip():
        yield held


async def migrate_postgres(connection: "asyncpg.Connection", until: int | None = None) -> list[str]:
    """Migrates the connection's database and returns the names of the steps taken; other processes wait their turn,
    up to 30 s."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK, timeout=LOCK_SECONDS)
        await connection.execute(_TABLE)
        applied = {row["version"] for row in await connection.fetch("SELECT version FROM schema_migrations")}
        steps = pending(applied, "postgres", until)
        for step in steps:
            await connection.execute(step.script)
            await connection.execute("INSERT INTO schema_migrations VALUES ($1, $2)", step.version, now_us())
    return [step.name for step in steps]
