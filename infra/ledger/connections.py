"""The connections of their own that vaults have, beside Tortoise's: opened anew after a failure."""

import asyncio
import hashlib
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from infra.store.database import Store

PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.001


def begin(connection: sqlite3.Connection, patience: float = PATIENCE_SECONDS) -> None:
    """Begins a transaction that writes, as soon as no other connection's is under way. Raises
    sqlite3.OperationalError, "database is locked" after so many seconds.

    The connection has `busy_timeout=0`: SQLite's own waiting looks again after up to a tenth of a second, and all that
    time whoever is busier writes on and on.
    """
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
        time.sleep(_LOOK_SECONDS)


class OwnSqlite(ABC):
    """A connection with a thread of its own."""

    impossible = (
        sqlite3.IntegrityError,
        sqlite3.DataError,
        sqlite3.ProgrammingError,
        OverflowError,
        TypeError,
        UnicodeEncodeError,
    )

    def __init__(self, path: str, thread: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=thread)
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connects; again after a failure."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    def _open(self) -> None:
        self._close()
        self._connection = self._connect()

    @abstractmethod
    def _connect(self) -> sqlite3.Connection:
        """In the thread; raises sqlite3.Error."""

    async def close(self) -> None:
        """Disconnects and ends the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("not connected")
        return self._connection


class CountingSqlite(OwnSqlite):
    """For counts that several workers on one file share: nothing here must reach the disk."""

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    async def commit(self, operations: Sequence[Any]) -> tuple[list[Any], dict[str, tuple[int, int]]]:
        """See `Vault.commit`; raises sqlite3.Error."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, operations), {}

    def _commit(self, operations: Sequence[Any]) -> list[Any]:
        connection = self._connected
        begin(connection)
        try:
            results = self._apply(connection, operations)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return results

    @abstractmethod
    def _apply(self, connection: sqlite3.Connection, operations: Sequence[Any]) -> list[Any]:
        """What a batch does, inside its transaction, in the connection's thread."""


BY_INDEX = (
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    " SET plan_cache_mode = force_generic_plan; SET jit = off; SET default_transaction_isolation = 'read committed'"
)
"""Plans are made once and kept, while a table may still be empty: one that reads all of it does so ever after. Of ours,
each row is found by an index. Before PostgreSQL 18 what cannot avoid reading a whole table, the small one of processes,
seems so dear that machine code would be made for it every time (`jit`). And whoever waited for a row decides on what is
there then: where the database's default isolation is stricter, waiting would be an error."""


IDLE_SECONDS = 5.0
"""A transaction that hears nothing from us for so long is given up by the server: a process that lost its network, or
stands still, must not keep its locks until the server misses it, which takes hours."""


class OwnPostgres:
    """A connection outside the pool."""

    impossible = (
        asyncpg.IntegrityConstraintViolationError,
        asyncpg.DataError,
        OverflowError,
        TypeError,
        UnicodeEncodeError,
    )

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection: asyncpg.Connection | None = None
        self.keeps_statements = store.url.statement_cache_size != 0
        """Whether the connection is ours alone and statements stay prepared; not so behind PgBouncer."""

    async def open(self) -> None:
        """Connects; again after a failure."""
        await self.close()
        self._connection = await self._store.connect_postgres()
        if self.keeps_statements:
            await self._connection.execute(f"{BY_INDEX}; {_idle('SESSION')}")
        if await self._connection.fetchval("SHOW synchronous_commit") == "off":  # the database's default, not ours
            await self._connection.execute("SET synchronous_commit = on")

    @property
    def connected(self) -> "asyncpg.Connection":
        """The connection. Raises ConnectionError."""
        if self._connection is None:
            raise ConnectionError("not connected")
        return self._connection

    @asynccontextmanager
    async def transaction(self, *, durable: bool, locks: Iterable[str] = ()) -> "AsyncIterator[asyncpg.Connection]":
        """One transaction, begun in one round trip with its locks on these names, in their order; `durable`: the commit
        waits for the disk."""
        connection = self.connected
        begin = ["BEGIN ISOLATION LEVEL READ COMMITTED"]
        if not self.keeps_statements:
            begin.append(_idle("LOCAL"))
        if not durable:
            begin.append("SET LOCAL synchronous_commit = off")
        begin += [f"SELECT pg_advisory_xact_lock({key})" for key in sorted({_key(name) for name in locks})]
        await connection.execute("; ".join(begin))
        try:
            yield connection
        except BaseException:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")

    async def close(self) -> None:
        """Disconnects, at once where the server no longer answers."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2)
            except (TimeoutError, OSError, asyncpg.PostgresError):
                connection.terminate()


def _idle(how: str) -> str:
    return f"SET {how} idle_in_transaction_session_timeout = {int(IDLE_SECONDS * 1_000)}"


def _key(name: str) -> int:
    """What PostgreSQL's advisory locks know of a name: 64 bits."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
