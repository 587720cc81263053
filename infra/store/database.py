"""The open database: migrated, with Tortoise on one connection (SQLite) or a pool (PostgreSQL)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.context import TortoiseContext

from infra.config.database import DatabaseUrl
from infra.store import steps as beside
from infra.store.migrate import migrate_postgres, migrate_sqlite
from infra.store.reader import PAGE, Reader

T = TypeVar("T")
COMMAND_SECONDS = 5.0
"""A statement of PostgreSQL that takes longer counts as failed: a stalled server must not stall the writer for ever."""


class Store:
    """One per process: Tortoise keeps its state globally (docs/libraries.md, Tortoise)."""

    def __init__(self, url: DatabaseUrl) -> None:
        self.url = url
        self.dialect = url.dialect
        self._context: TortoiseContext | None = None
        self._reader: Reader | None = None
        self._lane = asyncio.Lock()
        self._writes: set[asyncio.Task[Any]] = set()

    @property
    def connection_name(self) -> str:
        """Tortoise caches SQL by this name, so each dialect has its own."""
        return f"aethergate_{self.dialect}"

    async def open(self) -> list[str]:
        """Migrates, connects, and returns the names of the migrations taken."""
        steps = await self.migrate()
        logging.getLogger("tortoise.db_client").setLevel(logging.INFO)  # at DEBUG it logs SQL with its values
        self._context = await Tortoise.init(
            config={
                "connections": {self.connection_name: self._tortoise_connection()},
                "apps": {"aethergate": {"models": ["infra.store.models"], "default_connection": self.connection_name}},
            },
            _enable_global_fallback=True,
        )
        return steps

    async def migrate(self) -> list[str]:
        """Brings the schema up to date; raises SchemaTooNew."""
        if self.url.dialect == "sqlite":
            Path(self.url.path).parent.mkdir(parents=True, exist_ok=True)
            return await asyncio.to_thread(migrate_sqlite, self.url.path)
        # Without a limit on statements: a step may rebuild a table of millions.
        connection = await asyncpg.connect(**self.url.asyncpg(), timeout=COMMAND_SECONDS)
        try:
            return await migrate_postgres(connection)
        finally:
            await connection.close()

    async def connect_postgres(self) -> "asyncpg.Connection":
        """A connection of one's own, outside the pool."""
        return await asyncpg.connect(**self.url.asyncpg(), timeout=COMMAND_SECONDS, command_timeout=COMMAND_SECONDS)

    def _tortoise_connection(self) -> dict[str, Any]:
        if self.url.dialect == "sqlite":
            return {
                "engine": "tortoise.backends.sqlite",
                "credentials": {"file_path": self.url.path, "busy_timeout": 5000, "synchronous": "FULL"},
            }
        return {
            "engine": "tortoise.backends.asyncpg",
            "credentials": {**self.url.asyncpg(), "minsize": self.url.pool[0], "maxsize": self.url.pool[1]},
        }

    async def close(self) -> None:
        """Waits for the writes under way and disconnects: an open aiosqlite connection keeps the process alive."""
        while self._writes:
            await asyncio.wait(set(self._writes))
        if self._context is not None:
            await self._context.close_connections()
            self._context = None
        if self._reader is not None:
            await self._reader.close()
            self._reader = None

    async def write(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs catalogue writes one after the other, to their end even where the caller is cancelled meanwhile:
        Tortoise's transactions do not survive a cancellation (docs/libraries.md, Tortoise)."""
        task = asyncio.ensure_future(self._in_lane(work))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def _in_lane(self, work: Callable[[], Awaitable[T]]) -> T:
        async with self._lane:
            return await work()

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of a SELECT written with `?` placeholders, on either database."""
        return list(await get_connection(self.connection_name).execute_query_dict(self.placed(sql), list(values)))

    async def run(self, sql: str, *values: Any) -> None:
        """One statement with `?` placeholders that changes rows; inside `write`, which keeps them in order."""
        await get_connection(self.connection_name).execute_query(self.placed(sql), list(values))

    async def read(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The same for what may take long or be asked often: on SQLite beside Tortoise's one connection."""
        if self.dialect == "sqlite":
            return await self._beside().rows(sql, list(values))
        return await self.rows(sql, *values)

    async def pages(self, sql: str, *values: Any) -> AsyncIterator[list[dict[str, Any]]]:
        """The rows of a SELECT, however many, some hundred at a time, all of one moment."""
        if self.dialect == "sqlite":
            async for page in self._beside().pages(sql, list(values)):
                yield page
            return
        connection = await self.connect_postgres()
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                cursor = await connection.cursor(self.placed(sql), *values)
                while rows := await cursor.fetch(PAGE):
                    yield [dict(row) for row in rows]
        finally:
            await connection.close()

    def _beside(self) -> Reader:
        if self._reader is None:
            self._reader = Reader(self.url.path)
        return self._reader

    async def change(self, *steps: tuple[str, Sequence[Sequence[Any]]]) -> bool:
        """One transaction on a connection of its own: each SQL with its rows of values. The first must change exactly
        one row, else nothing is done and the answer is False: another process was quicker.

        For what is derived from the money tables or thrown away with them, never for money itself. Raises the driver's
        errors.
        """
        if self.dialect == "sqlite":
            return await asyncio.to_thread(beside.sqlite_steps, self.url.path, steps)
        connection = await self.connect_postgres()
        try:
            return await beside.postgres_steps(connection, [(self.placed(sql), rows) for sql, rows in steps])
        finally:
            await connection.close()

    def placed(self, sql: str) -> str:
        """The same SQL with this database's placeholders; `?` stands for nothing else in our SQL."""
        if self.dialect == "sqlite":
            return sql
        first, *rest = sql.split("?")
        return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
