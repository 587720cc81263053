"""Restore: a backup is built up apart, brought to this version's schema, proved by the full audit, and only then put in
the place of the database of gateway.yaml. Whatever fails before leaves that database as it was.

What was switched off since the backup stays off: keys revoked, rotated or switched off and users disabled in the
database that is replaced, or in the files of `infra.store.closed`. Requests that were open in the backup are ended as
those of a dead process. Both kinds of database take a backup of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.config.database import DatabaseUrl
from infra.ledger.audit import AuditReport, audit
from infra.ledger.operations import Recover
from infra.ledger.postgres_vault import PostgresVault
from infra.ledger.sqlite_vault import SqliteVault
from infra.store import closed
from infra.store.archive import KEPT, PAGE, BackupRefused, Header, Row, read
from infra.store.clock import now_us
from infra.store.closed import Closings
from infra.store.database import Store
from infra.store.migrate import SchemaTooNew, pending
from infra.store.postgres_site import PostgresSite
from infra.store.sqlite_site import SqliteSite


@dataclass(frozen=True, slots=True)
class Swapped:
    """What took place at the end: rows that stay switched off, where the old database is kept (None: there was none),
    whether it could be read for what was switched off in it."""

    closed: int
    kept: str | None
    readable: bool


class Site(Protocol):
    """Where a database is built up apart; `async with` it. At the end whatever was not put in place is removed."""

    staged: DatabaseUrl

    async def __aenter__(self) -> "Site": ...

    async def __aexit__(self, *_: object) -> None: ...

    async def prepare(self, schema: int) -> None:
        """Makes the tables as they were at that version."""
        ...

    async def columns(self, table: str) -> set[str]:
        """The columns of a table that was prepared."""
        ...

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Inserts rows; raises BackupRefused where the database does not take them."""
        ...

    async def loaded(self) -> None:
        """All rows are there."""
        ...

    async def swap(self, closings: Closings) -> tuple[int, str | None, bool]:
        """Carries out the closings, with those of the database that is there, and takes its place; see Swapped."""
        ...


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored. `swapped` is None where it was only checked."""

    taken_us: int
    rows: dict[str, int]
    migrations: list[str]
    recovered: int
    report: AuditReport
    swapped: Swapped | None


async def restore(url: DatabaseUrl, path: Path, *, check: bool = False, revoked: Sequence[Path] = ()) -> Restored:
    """Puts a backup in the place of a database that nobody serves; with `check` everything but that. `revoked`: more
    files of what was switched off.

    Raises BackupRefused, DatabaseLocked (SQLite, in use), OSError, the driver's errors.
    """
    missing = [str(each) for each in (path, *revoked) if not each.is_file()]
    if missing:
        raise BackupRefused(f"there is no file {missing[0]}")
    closings = closed.read([closed.closed_file(url), *revoked])
    site: Site = SqliteSite(url, check) if url.dialect == "sqlite" else PostgresSite(url, check)
    async with site:
        header, rows = await _load(site, path)
        steps, recovered, report = await _prove(site.staged)
        if not report.clean:
            first = report.findings[0]
            raise BackupRefused(
                f"{path} does not add up ({len(report.findings)} findings, the first: {first.rule}: {first.subject}:"
                f" {first.text}): nothing was changed"
            )
        swapped = None if check else Swapped(*await site.swap(closings))
    return Restored(header.taken_us, rows, steps, recovered, report, swapped)


async def _load(site: Site, path: Path) -> tuple[Header, dict[str, int]]:
    pages = read(path)
    header = next(pages)
    assert isinstance(header, Header)
    try:
        pending({header.schema}, site.staged.dialect)
    except SchemaTooNew:
        text = f"{path} was written by a newer AetherGate (schema {header.schema}): restore it with that one"
        raise BackupRefused(text) from None
    await site.prepare(header.schema)
    rows: dict[str, int] = {}
    for page in pages:
        assert not isinstance(page, Header)
        table, columns, found = page
        if table not in rows and (table not in KEPT or set(columns) != await site.columns(table)):
            raise BackupRefused(f"{path} is damaged: its schema {header.schema} has no such table {table}")
        await site.add(table, columns, found)
        rows[table] = rows.get(table, 0) + len(found)
    await site.loaded()
    return header, rows


async def _prove(staged: DatabaseUrl) -> tuple[list[str], int, AuditReport]:
    store = Store(staged)
    try:
        steps = await store.open()
        recovered = await _recover(store)
        return steps, recovered, await audit(store, reprice=True)
    finally:
        await store.close()


async def _recover(store: Store) -> int:
    """Ends the requests that were open. Not by a Ledger: that would also post bills that wait beside the database."""
    vault = SqliteVault(store.url.path) if store.dialect == "sqlite" else PostgresVault(store)
    recovered = 0
    await vault.open()
    try:
        while rows := await store.rows(
            f"SELECT id, user_id FROM requests WHERE state IN ('HELD', 'STREAMING') ORDER BY id LIMIT {PAGE}"
        ):
            await vault.commit([Recover(row["id"], row["user_id"], now_us()) for row in rows])
            recovered += len(rows)
    finally:
        await vault.close()
    return recovered
