"""A SQLite file that is built up beside the one it is to replace, and takes its place by a rename."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from infra.config.database import DatabaseUrl
from infra.runtime.lock import DatabaseLock
from infra.store import closed
from infra.store.archive import BackupRefused, Row, sync_folder
from infra.store.closed import Closings
from infra.store.migrate import migrate_sqlite

BESIDE = ("-wal", "-shm")
KEPT = "before-restore"


class SqliteSite:
    """See `restore.Site`. Holds the database's lock, so that no gateway and no command works on it; `check` alone
    leaves the database to whoever serves it."""

    def __init__(self, url: DatabaseUrl, check: bool) -> None:
        self._path = Path(url.path).resolve()  # a link stays a link: what it names is replaced
        self._new = Path(f"{self._path}.{f'checking-{os.getpid()}' if check else 'restoring'}")
        self._lock = None if check else DatabaseLock(url.path)
        self.staged = replace(url, path=str(self._new))
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> "SqliteSite":
        if self._lock is not None:
            self._lock.acquire(None)
        self._remove()  # what a restore left that was killed
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
        self._remove()
        if self._lock is not None:
            self._lock.release()

    def _remove(self) -> None:
        for suffix in ("", *BESIDE):
            Path(f"{self._new}{suffix}").unlink(missing_ok=True)

    async def prepare(self, schema: int) -> None:
        """See Site."""
        self._new.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        migrate_sqlite(str(self._new), until=schema)
        self._connection = sqlite3.connect(self._new, isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._connection.execute("PRAGMA synchronous=OFF")  # it is synced as a whole before it takes its place
        self._connection.execute("BEGIN")

    async def columns(self, table: str) -> set[str]:
        """See Site."""
        assert self._connection is not None
        return {row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")}

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """See Site."""
        assert self._connection is not None
        marks = ", ".join("?" * len(columns))
        try:
            self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError) as error:
            raise BackupRefused(f"the backup is damaged (table {table}: {error}): nothing was changed") from None

    async def loaded(self) -> None:
        """See Site."""
        assert self._connection is not None
        self._connection.execute("COMMIT")
        self._connection.close()
        self._connection = None

    async def swap(self, closings: Closings) -> tuple[int, str | None, bool]:
        """See Site."""
        old, readable = self._old()
        count = self._close(closed.together(closings, old))
        kept = self._keep() if self._path.exists() else None
        self._new.replace(self._path)
        sync_folder(self._path.parent)
        return count, None if kept is None else str(kept), readable

    def _old(self) -> tuple[Closings, bool]:
        """What is switched off in the old database, whose log is folded into it on the way. A broken one is what
        backups are for; one that is only busy raises sqlite3.OperationalError."""
        if not self._path.exists():
            return {}, True
        try:
            with closing(sqlite3.connect(self._path, timeout=5.0, isolation_level=None)) as connection:
                there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                rows = connection.execute(closed.STANDING).fetchall() if {"keys", "users"} <= there else []
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return closed.standing(rows), True
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return {}, False

    def _close(self, closings: Closings) -> int:
        """Carries out the closings in the new database and brings it to the disk."""
        with closing(sqlite3.connect(self._new, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN")
            said = closed.statements(closings)
            touched = {id for id, sql, values in said if connection.execute(sql, values).rowcount}
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if any(Path(f"{self._new}{suffix}").exists() for suffix in BESIDE):
            raise BackupRefused(f"another process has opened {self._new}: try again; nothing was changed")
        opened = os.open(self._new, os.O_RDWR)
        try:
            if self._path.exists():
                was = self._path.stat()
                os.fchmod(opened, was.st_mode & 0o777)
                if os.geteuid() == 0:
                    os.fchown(opened, was.st_uid, was.st_gid)  # the gateway need not be root
            os.fsync(opened)
        finally:
            os.close(opened)
        return len(touched)

    def _keep(self) -> Path:
        """Gives the old file a second name, so that at no moment there is no database."""
        kept = Path(f"{self._path}.{KEPT}")
        number = 1
        while kept.exists():
            number += 1
            kept = Path(f"{self._path}.{KEPT}-{number}")
        for suffix in BESIDE:  # only of a database that cannot be read: else they are folded in and gone
            side = Path(f"{self._path}{suffix}")
            if side.exists():
                side.rename(f"{kept}{suffix}")
        try:
            os.link(self._path, kept)
        except OSError:
            self._path.rename(kept)  # a file system without links
        return kept
