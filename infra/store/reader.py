"""Reads a SQLite file on connections of their own, so that a long list or sum keeps nobody from a short question.

Tortoise has one connection and one lock per process there (docs/libraries.md, Tortoise), on which the request path asks
for keys and balances too. In WAL mode a reader waits for nobody, and nobody for it.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

READERS = 3
PAGE = 500
"""Rows that a stream takes at once."""


class Reader:
    """Some threads, each with a read-only connection that it opens at its first question."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="reader")
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []

    async def rows(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        """All rows; raises sqlite3.Error."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._rows, sql, values)

    def _rows(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._open()
            self._all.append(connection)
        return [dict(row) for row in connection.execute(sql, values)]

    async def pages(self, sql: str, values: list[Any]) -> AsyncIterator[list[dict[str, Any]]]:
        """Rows as they stood at the beginning, some hundred at a time, on a connection of this stream alone."""
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(None, self._open)
        try:
            cursor = await loop.run_in_executor(None, connection.execute, sql, values)
            while rows := await loop.run_in_executor(None, cursor.fetchmany, PAGE):
                yield [dict(row) for row in rows]
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        # Closed by whoever closes the store, which is not the thread that opened it.
        connection = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cache_size=-16384")  # 16 MB: sums walk through many pages
        return connection

    async def close(self) -> None:
        """Waits for the questions under way."""
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._all:
            with suppress(sqlite3.Error):
                connection.close()
