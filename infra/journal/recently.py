"""What the last hour brought, by endpoint and backend, for lists that are looked at often."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store

log = logging.getLogger("aethergate.journal")
HOUR_US = 3_600 * SECOND_US
FRESH_SECONDS = 5.0
"""So long an answer is used again; twenty times as long as it took, where that is more."""
OURS = "('stopped', 'shutting_down', 'billing_unavailable')"
"""Endings that are no fault of the backend."""
SQL = f"""
SELECT endpoint, backend, count(*) AS requests,
  sum(CASE WHEN status >= 400 AND status <> 499 THEN 1 ELSE 0 END) AS errors,
  sum(CASE WHEN status >= 500 AND coalesce(error_code, '') NOT IN {OURS} THEN 1 ELSE 0 END) AS faults,
  sum(CASE WHEN stream AND finished_us > first_byte_us THEN output_tokens ELSE 0 END) AS tokens,
  sum(CASE WHEN stream AND finished_us > first_byte_us THEN finished_us - first_byte_us ELSE 0 END) AS streamed_us
FROM requests WHERE created_us >= ? GROUP BY endpoint, backend
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """Requests of an hour; `tokens_per_second` is the speed of one stream, None where none was measured."""

    requests: int
    errors: int
    tokens_per_second: float | None


class Recently:
    """One per gateway; asks the database at most every few seconds, however many look."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: list[dict[str, Any]] = []
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def of_endpoints(self) -> Callable[[str], Hour]:
        """The last hour of an endpoint; errors are answers from 400 up, but not clients that left."""
        return _by("endpoint", "errors", await self._hour())

    async def of_backends(self) -> Callable[[str], Hour]:
        """The last hour of a backend; errors are those that it may be to blame for."""
        return _by("backend", "faults", await self._hour())

    async def _hour(self) -> list[dict[str, Any]]:
        async with self._asking:
            if time.monotonic() >= self._until:
                began = time.monotonic()
                try:
                    self._rows = await self._store.rows(SQL, now_us() - HOUR_US)
                except Exception:
                    # Which backends are up is to be seen also while the database is not.
                    log.exception("the figures of the last hour are not known at the moment")
                took = time.monotonic() - began
                self._until = began + took + max(FRESH_SECONDS, 20 * took)
            return self._rows


def _by(group: str, errors: str, rows: list[dict[str, Any]]) -> Callable[[str], Hour]:
    def hour(name: str) -> Hour:
        found = [row for row in rows if row[group] == name]
        requests, failed, tokens, us = (
            sum(int(row[column]) for row in found) for column in ("requests", errors, "tokens", "streamed_us")
        )
        return Hour(requests, failed, round(tokens * SECOND_US / us, 1) if us and tokens else None)

    return hour
