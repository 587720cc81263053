"""What happened to each backend, and why: written down for the owner, told to whoever watches.

up, down              by its own answers
ejected, readmitted   by failing requests (infra.backends.ejection)
draining, resumed     by the owner's switch
config                by another gateway.yaml
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from infra.live.events import Hub
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.store.ids import new

log = logging.getLogger("aethergate.live")
KEPT = 500
"""Events of each backend; older ones are forgotten."""
SAME_SECONDS = 20
"""Several processes see the same thing within so many seconds: it is written once."""
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

    async def _write(self, backend: str, kind: str, why: str | None) -> None:
        now = now_us()
        row = (new("event"), now, backend, kind, why, self._instance)
        sql = (
            "INSERT INTO backend_events (id, at_us, backend, kind, why, instance)"
            " SELECT CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),"
            " CAST(? AS TEXT) WHERE NOT EXISTS (SELECT 1 FROM backend_events"
            " WHERE backend = ? AND at_us >= ? AND kind = ? AND instance <> ?)"
        )
        same = (backend, now - SAME_SECONDS * SECOND_US, kind, self._instance)
        try:
            await self._store.write(lambda: self._store.run(sql, *row, *same))
        except Exception:
            log.exception("what happened to a backend could not be written down", extra={"backend": backend})

    async def prune(self) -> None:
        """Forgets all but the latest events of each backend, and backends that nobody remembers for a year."""
        sql = (
            "DELETE FROM backend_events WHERE at_us < ? OR id IN (SELECT id FROM (SELECT id, row_number() OVER"
            " (PARTITION BY backend ORDER BY at_us DESC, id DESC) AS place FROM backend_events) AS ranked"
            f" WHERE place > {KEPT})"
        )
        await self._store.write(lambda: self._store.run(sql, now_us() - 366 * 86_400 * SECOND_US))
