"""The buckets of backends that have a pace, in SQLite and in PostgreSQL; inside the transactions of `share_vaults`."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from infra.backends.pace import Start, Turn, turns
from infra.store.clock import now_us

_READ = "SELECT until_us FROM backend_pace WHERE backend = {0}"
_SAVE = (
    "INSERT INTO backend_pace (backend, until_us) VALUES ({0}, {1})"
    " ON CONFLICT (backend) DO UPDATE SET until_us = excluded.until_us"
)
_READ_POSTGRES = (
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,"
    f" ({_READ.format('$1')})"
)  # fmt: skip


def by_backend(operations: Sequence[Any]) -> Iterator[tuple[str, list[Start]]]:
    """What is asked of each backend's bucket, in the order of their names."""
    found = sorted((each for each in operations if isinstance(each, Start)), key=lambda start: start.backend)
    for backend, starts in groupby(found, key=lambda start: start.backend):
        yield backend, list(starts)


def sqlite_turns(connection: sqlite3.Connection, operations: Sequence[Any]) -> dict[str, Iterator[Turn]]:
    """The turns of all that ask in one batch, by backend and in order."""
    answers: dict[str, Iterator[Turn]] = {}
    for backend, starts in by_backend(operations):
        row = connection.execute(_READ.format("?"), (backend,)).fetchone()
        found, until_us = turns(starts, now_us(), row and row[0])
        connection.execute(_SAVE.format("?", "?"), (backend, until_us))
        answers[backend] = iter(found)
    return answers


async def postgres_turns(connection: Any, operations: Sequence[Any]) -> dict[str, Iterator[Turn]]:
    """The same, with a lock on each backend's pace in hand."""
    answers: dict[str, Iterator[Turn]] = {}
    for backend, starts in by_backend(operations):
        now, before_us = await connection.fetchrow(_READ_POSTGRES, backend)
        found, until_us = turns(starts, now, before_us)
        await connection.execute(_SAVE.format("$1", "$2"), backend, until_us)
        answers[backend] = iter(found)
    return answers
