"""A schema of PostgreSQL that is built up beside the one in use; both change names in one transaction."""

from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from infra.config.database import DatabaseUrl
from infra.store import closed
from infra.store.archive import BackupRefused, Row
from infra.store.closed import Closings
from infra.store.migrate import LOCK, migrate_postgres

STAGED = "aethergate_restoring"
KEPT = "before_restore"
_RESTORE_LOCK = 0x41_47_52_53_54  # "AGRST": one restore at a time
CONNECT_SECONDS = 5.0
_SERVED = (
    "SELECT COALESCE(url, id) FROM instances WHERE lease_until_us >="
    " extract(epoch FROM clock_timestamp()) * 1000000 ORDER BY started_us LIMIT 1"
)


class PostgresSite:
    """See `restore.Site`. Refuses where a living process has a lease, at the beginning and again, under locks that let
    none in, at the end; `check` alone does not ask."""

    def __init__(self, url: DatabaseUrl, check: bool) -> None:
        self._url, self._check = url, check
        self.staged = replace(url, search_path=STAGED, pool=(1, 2))
        self._at_home: asyncpg.Connection | None = None
        self._at_new: asyncpg.Connection | None = None

    @property
    def _home(self) -> "asyncpg.Connection":
        assert self._at_home is not None
        return self._at_home

    @property
    def _new(self) -> "asyncpg.Connection":
        assert self._at_new is not None
        return self._at_new

    async def __aenter__(self) -> "PostgresSite":
        self._at_home = await asyncpg.connect(**self._url.asyncpg(), timeout=CONNECT_SECONDS)
        try:
            await self._begin()
            self._at_new = await asyncpg.connect(**self.staged.asyncpg(), timeout=CONNECT_SECONDS)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _begin(self) -> None:
        if not await self._home.fetchval("SELECT pg_try_advisory_lock($1)", _RESTORE_LOCK):
            raise BackupRefused("another restore works on this database: let it finish")
        if not self._check:
            await self._refuse_served()
        try:
            await self._home.execute(f"DROP SCHEMA IF EXISTS {STAGED} CASCADE; CREATE SCHEMA {STAGED}")
        except asyncpg.InsufficientPrivilegeError:
            raise BackupRefused(
                "this user of PostgreSQL may not make a schema, in which a restore builds up the database:"
                f' GRANT CREATE ON DATABASE "{self._url.database}" TO it'
            ) from None

    async def __aexit__(self, *_: object) -> None:
        if self._at_new is not None:
            await self._at_new.close()
            await self._home.execute(f"DROP SCHEMA IF EXISTS {STAGED} CASCADE")
        await self._home.close()

    async def _refuse_served(self) -> None:
        if not await self._home.fetchval("SELECT to_regclass('instances') IS NOT NULL"):
            return
        found = await self._home.fetchval(_SERVED)
        if found is not None:
            raise BackupRefused(
                f"a gateway serves this database ({found}): stop it first; one that was killed counts as alive for 15 s"
            )

    async def prepare(self, schema: int) -> None:
        """See Site."""
        await migrate_postgres(self._new, until=schema)

    async def columns(self, table: str) -> set[str]:
        """See Site."""
        sql = "SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2"
        return {row[0] for row in await self._new.fetch(sql, STAGED, table)}

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """See Site."""
        try:
            await self._new.copy_records_to_table(table, records=rows, columns=columns, schema_name=STAGED)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            raise BackupRefused(f"the backup is damaged (table {table}: {error}): nothing was changed") from None

    async def loaded(self) -> None:
        """See Site."""
        await self._new.execute("ANALYZE")

    async def swap(self, closings: Closings) -> tuple[int, str | None, bool]:
        """See Site."""
        async with self._home.transaction():
            await self._home.execute("SET LOCAL lock_timeout = '10s'")
            await self._home.execute("SELECT pg_advisory_xact_lock($1)", LOCK)  # a gateway that starts now waits
            home = await self._home.fetchval(
                "SELECT COALESCE((SELECT relnamespace::regnamespace::text FROM pg_class"
                " WHERE oid = to_regclass('schema_migrations')), quote_ident(current_schema()))"
            )
            new = await self._tables(STAGED)
            old = sorted(set(new) & set(await self._tables(home)))
            if old:
                await self._home.execute(f"LOCK TABLE {', '.join(f'{home}.{table}' for table in old)}")
                await self._refuse_served()
            if {"keys", "users"} <= set(old):
                found = await self._home.fetch(closed.STANDING)
                closings = closed.together(closings, closed.standing(found))
            count = await self._close(closings)
            kept = await self._keep(home, old) if old else None
            await self._move(new, STAGED, home)
        return count, None if kept is None else f"schema {kept}", True

    async def _tables(self, schema: str) -> list[str]:
        sql = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' ORDER BY relname"
        return [row[0] for row in await self._home.fetch(sql, schema)]

    async def _close(self, closings: Closings) -> int:
        touched = set()
        await self._home.execute(f"SET LOCAL search_path = {STAGED}")
        for id, sql, values in closed.statements(closings):
            first, *rest = sql.split("?")
            placed = first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
            if await self._home.execute(placed, *values) != "UPDATE 0":
                touched.add(id)
        return len(touched)

    async def _keep(self, home: str, tables: Sequence[str]) -> str:
        taken = {row[0] for row in await self._home.fetch("SELECT nspname FROM pg_namespace")}
        names = (KEPT, *(f"{KEPT}_{number}" for number in range(2, 1_000)))
        kept = next(name for name in names if name not in taken)
        await self._home.execute(f"CREATE SCHEMA {kept}")
        await self._move(tables, home, kept)
        return kept

    async def _move(self, tables: Sequence[str], source: str, target: str) -> None:
        """Tables take their indexes, constraints and triggers along; the functions of triggers go by themselves."""
        for table in tables:
            await self._home.execute(f"ALTER TABLE {source}.{table} SET SCHEMA {target}")
        functions = await self._home.fetch(
            "SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace($1) AND prorettype = 'trigger'::regtype"
            " AND proname LIKE 'aethergate%'",
            source,
        )
        for row in functions:
            await self._home.execute(f"ALTER FUNCTION {source}.{row['proname']}() SET SCHEMA {target}")
