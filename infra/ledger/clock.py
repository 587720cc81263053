"""The clock by which leases run, and whether somebody set it."""

import asyncio

from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store

JUMP_SECONDS = 5.0
"""A lease of 15 s, renewed every five, outlasts a clock that is set forward by so much."""
FUTURE_US = 60 * SECOND_US
"""No lease reaches so far: one that does was written before the clock was set back, by somebody who is dead."""
_POSTGRES = "extract(epoch FROM clock_timestamp()) * 1000000"


class LeaseClock:
    """The database's on PostgreSQL, which all machines share; this machine's on SQLite, where all are on one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ahead: float | None = None
        """Of the clock that nobody sets, in seconds, when we last looked."""

    def running(self) -> str:
        """SQL that is true of a row of `instances` whose lease runs."""
        now = f"({_POSTGRES})" if self._store.dialect == "postgres" else str(now_us())
        return f"lease_until_us BETWEEN {now} AND {now} + {FUTURE_US}"

    async def jumped(self) -> bool:
        """Whether it was set since we last looked: then leases mean nothing until everybody has renewed theirs."""
        now = now_us()
        if self._store.dialect == "postgres":
            now = int((await self._store.rows(f"SELECT CAST({_POSTGRES} AS BIGINT) AS now"))[0]["now"])
        ahead = now / SECOND_US - asyncio.get_running_loop().time()
        before, self._ahead = self._ahead, ahead
        return before is not None and abs(ahead - before) > JUMP_SECONDS
