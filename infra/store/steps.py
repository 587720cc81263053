"""A short transaction beside the writers of money and catalogue: see `Store.change`."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import asyncpg

Step = tuple[str, Sequence[Sequence[Any]]]


def sqlite_steps(path: str, steps: Sequence[Step]) -> bool:
    """Waits up to 5 s for the writer of money, who is in and out within milliseconds."""
    with closing(sqlite3.connect(path, timeout=5.0, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=NORMAL")  # what is derived is derived again
        connection.execute("BEGIN IMMEDIATE")
        try:
            for number, (sql, rows) in enumerate(steps):
                if connection.executemany(sql, rows).rowcount != 1 and number == 0:
                    connection.execute("ROLLBACK")
                    return False
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return True


class _Late(Exception):
    """Another process was quicker."""


async def postgres_steps(connection: "asyncpg.Connection", steps: Sequence[Step]) -> bool:
    """The same on PostgreSQL; it need not be on the disk when this returns."""
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            for number, (sql, rows) in enumerate(steps):
                if number == 0:
                    if await connection.execute(sql, *rows[0]) != "UPDATE 1":
                        raise _Late
                elif rows:
                    await connection.executemany(sql, rows)
    except _Late:
        return False
    return True
