"""What happened to each backend, and why: written down for the owner, told to whoever watches.

up, down              by its own answers; one is written only after the other
ejected, readmitted   by failing requests (infra.backends.ejection)
draining, resumed     by the owner's switch
config                by another gateway.yaml
"""

import hashlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from infra.live.events import Hub
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.store.ids import base62, new

log = logging.getLogger("aethergate.live")
KEPT = 500
"""Events of each backend; older ones are forgotten."""
SAME_SECONDS = 20
"""Several processes see the same ejection or change within so many seconds: it is written once."""
WHY_MAX = 500


class Diary:
    """One per gateway; `spawn` keeps a task alive until it is done."""

    def __init__(
        self, store: Store, instance: str, hub: Hub, spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self._store, self._instance, self._hub, self._spawn = store, instance, hub, spawn

    def note(self, backend: str, kind: str, why: str | None = None) -> None:
        """Something happened; it is written soon."""
        said = None if why is None else why[:WHY_MAX]
        if self._hub.listening:
            self._hub.tell("backend", {"backend": backend, "kind": kind, "why": said})
        self._spawn(self._write(backend, kind, said))

    def found_up(self, backend: str) -> None:
        """A first look, after a start or new settings: news where it was down, which nobody saw come up."""
        self._spawn(self._write(backend, "up", None))

    async def _write(self, backend: str, kind: str, why: str | None) -> None:
        row = (now_us(), backend, kind, why, self._instance)
        writing = self._turn if kind in ("up", "down") else self._once
        try:
            await self._store.write(lambda: writing(*row))
        except Exception:
            log.exception("what happened to a backend could not be written down", extra={"backend": backend})

    async def _turn(self, at_us: int, backend: str, kind: str, *row: str | None) -> None:
        """Up after down and down after up, whoever sees it how often. Processes that see it at the same moment come to
        the same id."""
        found = await self._store.rows(
            "SELECT id, kind FROM backend_events WHERE backend = ? AND kind IN ('up', 'down')"
            " ORDER BY at_us DESC, id DESC LIMIT 1",
            backend,
        )
        before = found[0] if found else {"id": backend, "kind": "up"}
        if before["kind"] == kind:
            return
        digest = int.from_bytes(hashlib.sha256(f"{before['id']} {kind}".encode()).digest(), "big")
        sql = (
            "INSERT INTO backend_events (id, at_us, backend, kind, why, instance) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO NOTHING"
        )
        await self._store.run(sql, f"event_{base62(digest, 20)}", at_us, backend, kind, *row)

    async def _once(self, at_us: int, backend: str, kind: str, *row: str | None) -> None:
        """Not where another process has just written the same."""
        sql = (
            "INSERT INTO backend_events (id, at_us, backend, kind, why, instance)"
            " SELECT CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),"
            " CAST(? AS TEXT) WHERE NOT EXISTS (SELECT 1 FROM backend_events"
            " WHERE backend = ? AND at_us >= ? AND kind = ? AND instance <> ?)"
        )
        same = (backend, at_us - SAME_SECONDS * SECOND_US, kind, self._instance)
        await self._store.run(sql, new("event"), at_us, backend, kind, *row, *same)

    async def prune(self) -> None:
        """Forgets all but the latest events of each backend, and backends that nobody remembers for a year."""
        sql = (
            "DELETE FROM backend_events WHERE at_us < ? OR id IN (SELECT id FROM (SELECT id, row_number() OVER"
            " (PARTITION BY backend ORDER BY at_us DESC, id DESC) AS place FROM backend_events) AS ranked"
            f" WHERE place > {KEPT})"
        )
        await self._store.write(lambda: self._store.run(sql, now_us() - 366 * 86_400 * SECOND_US))
