"""Whether a database may be filled, and making it empty where `demo-data` had filled it before."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from infra.config.database import DatabaseUrl
from infra.demo.traffic import INSTANCE
from infra.runtime.lock import DatabaseLock
from infra.store.archive import KEPT, LEFT_OUT
from infra.store.database import Store

MARK = "demo.fill"
"""The action of the first audit event of a database that `demo-data` made."""
_FOREIGN = (
    f"SELECT (SELECT COUNT(*) FROM requests WHERE instance <> '{INSTANCE}') AS requests,"
    " (SELECT COUNT(*) FROM audit_events WHERE action IN ('user.create', 'ledger.topup', 'ledger.adjustment')"
    " AND actor <> 'demo-data') AS posts"
)


class DemoRefused(Exception):
    """The database is not one to be filled; str() is a sentence for the owner."""


@contextlib.contextmanager
def held(url: DatabaseUrl) -> Iterator[None]:
    """No gateway and no command works on a SQLite file meanwhile; raises DatabaseLocked."""
    lock = DatabaseLock(url.path) if url.dialect == "sqlite" else None
    if lock is not None:
        lock.acquire(None)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


async def emptied(store: Store) -> None:
    """The open store's database is empty afterwards. Raises DemoRefused where anything in it is somebody's own."""
    [counts] = await store.rows(
        "SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM requests) AS requests,"
        f" (SELECT COUNT(*) FROM audit_events WHERE action = '{MARK}') AS marks"
    )
    if counts["users"] == 0 and counts["requests"] == 0:
        await _refuse_served(store)
        return
    if counts["marks"] == 0:
        raise DemoRefused(
            f"{store.url} is in use (users: {counts['users']:,}, requests: {counts['requests']:,}): demo-data fills"
            " only an empty database, or one that it filled before; name another one in DATABASE_URL"
        )
    [foreign] = await store.rows(_FOREIGN)
    if foreign["requests"] or foreign["posts"]:
        raise DemoRefused(
            f"{store.url} was filled by demo-data and used since ({foreign['requests']:,} requests,"
            f" {foreign['posts']:,} movements of money by hand): delete it yourself if nothing of that is needed"
        )
    await _refuse_served(store)
    await _drop(store)


async def _refuse_served(store: Store) -> None:
    if store.dialect == "sqlite":
        return  # its lock says so
    rows = await store.rows(
        "SELECT id FROM instances WHERE lease_until_us >= extract(epoch FROM clock_timestamp()) * 1000000"
    )
    if rows:
        raise DemoRefused(f"a gateway serves {store.url}: stop it first")


async def _drop(store: Store) -> None:
    await store.close()
    if store.dialect == "sqlite":
        await asyncio.to_thread(_unlink, store.url.path)
    else:
        connection = await store.connect_postgres()
        try:
            await connection.execute(f"DROP TABLE IF EXISTS {', '.join((*KEPT, *LEFT_OUT))} CASCADE")
            await connection.execute("DROP FUNCTION IF EXISTS aethergate_refuse, aethergate_mark CASCADE")
        finally:
            await connection.close()
    await store.open()


def _unlink(path: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
