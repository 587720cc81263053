"""A line to a real PostgreSQL that can be cut without a word: nothing gets through any more, and nobody is told."""

import asyncio
import contextlib
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from infra.config.urls import database_url


class Line:
    """Forwards from a port of loopback to the server; `database` is the URL that leads over it."""

    def __init__(self, database: str) -> None:
        self._direct = database
        found = database_url(database).asyncpg()
        self._socket = f"{found['host']}/.s.PGSQL.{found['port']}"
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.database = urlunsplit(urlsplit(self._direct)._replace(netloc=f"postgres@127.0.0.1:{port}", query=""))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """From now on bytes stay where they are; connections can be made and lead nowhere."""
        self._open.clear()

    def mend(self) -> None:
        """What was on its way arrives."""
        self._open.set()

    async def _take(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        await self._open.wait()
        far, forth = await asyncio.open_unix_connection(self._socket)
        for source, sink in ((near, forth), (far, back)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.closing(sink), contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
