"""The open database: migrated, with Tortoise on one connection (SQLite) or a pool (PostgreSQL)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.context import TortoiseContext

from infra.config.database import DatabaseUrl
from infra.store.migrate import migrate_postgres, migrate_sqlite

T = TypeVar("T")
COMMAND_SECONDS = 5.0
"""A statement of PostgreSQL that takes longer counts as failed: a stalled server must not stall the writer for ever."""


class Store:
    """One per process: Tortoise keeps its state globally (docs/backends.md, Tortoise)."""

    def __init__(self, url: DatabaseUrl) -> None:
        self.url = url
        self.dialect = url.dialect
        self._context: TortoiseContext | None = None
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
        connection = await self.connect_postgres()
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

    async def write(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs catalogue writes one after the other, to their end even where the caller is cancelled meanwhile:
        Tortoise's transactions do not survive a cancellation (docs/backends.md, Tortoise)."""
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

    def placed(self, sql: str) -> str:
        """The same SQL with this database's placeholders; `?` stands for nothing else in our SQL."""
        if self.dialect == "sqlite":
            return sql
        first, *rest = sql.split("?")
        return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
