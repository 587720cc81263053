"""The rows by which processes on one database tell each other what runs, and ask for it.

Times are the database's own: the clocks of several machines differ. Nothing here is kept: a board is older than some
seconds or its process is dead, and it is not read any more.
"""

import json
from decimal import Decimal
from typing import Any, NamedTuple

from infra.ledger.books import OPEN
from infra.runtime import replies
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.store.ids import new

LOOK_SECONDS = 10
"""An owner who looks is taken to look for so long; asked for again after half of it."""
BOARD_SECONDS = 4
"""An older board is not read: its process publishes every second or is stuck."""
STOP_SECONDS = 30
TOLD_SECONDS = 30


class Ask(NamedTuple):
    """A question of another process."""

    id: str
    kind: str
    """look, stop, reload (one function), apply (gateway.yaml), ejected or readmitted (a backend)."""
    body: dict[str, str]


class Shared:
    """One per process; `instance` is its own."""

    def __init__(self, store: Store, instance: str) -> None:
        self._store, self._instance = store, instance

    @property
    def _now(self) -> str:
        if self._store.dialect == "sqlite":
            return str(now_us())
        return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"

    async def look(self) -> None:
        """Asks the others to publish for the next seconds."""
        until = f"{self._now} + {LOOK_SECONDS * SECOND_US}"
        await self._run(f"DELETE FROM live_asks WHERE until_us < {self._now}")
        await self._run(
            f"INSERT INTO live_asks (id, kind, instance, body_json, until_us) VALUES (?, 'look', ?, '{{}}', {until})"
            " ON CONFLICT (id) DO UPDATE SET until_us = excluded.until_us",
            f"look:{self._instance}",
            self._instance,
        )

    async def ask_to_stop(self, request_id: str, how: dict[str, str]) -> None:
        """Asks whoever runs this request to stop it; twice is once."""
        await self._run(
            "INSERT INTO live_asks (id, kind, instance, body_json, until_us)"
            f" VALUES (?, 'stop', ?, ?, {self._now} + {STOP_SECONDS * SECOND_US}) ON CONFLICT (id) DO NOTHING",
            f"stop:{request_id}",
            self._instance,
            json.dumps(how),
        )

    async def outcome(self, request_id: str) -> dict[str, Any] | None:
        """What came of it; None while nobody has said."""
        rows = await self._store.rows("SELECT done_json FROM live_asks WHERE id = ?", f"stop:{request_id}")
        return json.loads(rows[0]["done_json"]) if rows and rows[0]["done_json"] else None

    async def has_ended(self, request_id: str) -> bool:
        """Whether the journal knows its end already."""
        rows = await self._store.rows("SELECT state FROM requests WHERE id = ?", request_id)
        return bool(rows) and rows[0]["state"] not in OPEN

    async def forget(self, request_id: str) -> None:
        """The question is answered, or given up: it must not stop anything later."""
        await self._run("DELETE FROM live_asks WHERE id = ?", f"stop:{request_id}")

    async def stopped(self, request_id: str, outcome: dict[str, Any]) -> None:
        """Answers a question."""
        await self._run("UPDATE live_asks SET done_json = ? WHERE id = ?", json.dumps(outcome), f"stop:{request_id}")

    async def tell(self, kind: str, body: dict[str, str]) -> None:
        """Asks all the others to do something, each once."""
        await self._run(
            "INSERT INTO live_asks (id, kind, instance, body_json, until_us)"
            f" VALUES (?, ?, ?, ?, {self._now} + {TOLD_SECONDS * SECOND_US})",
            new(kind),
            kind,
            self._instance,
            json.dumps(body),
        )

    async def asks(self) -> list[Ask]:
        """What other processes ask, as long as it is not answered or too old."""
        rows = await self._store.rows(
            "SELECT id, kind, body_json FROM live_asks"
            f" WHERE until_us >= {self._now} AND done_json IS NULL AND instance <> ?",
            self._instance,
        )
        return [Ask(row["id"], row["kind"], json.loads(row["body_json"])) for row in rows]

    async def publish(self, board: dict[str, Any]) -> None:
        """What runs here, for those who look."""
        await self._run(
            f"INSERT INTO live_boards (instance, at_us, body_json) VALUES (?, {self._now}, ?)"
            " ON CONFLICT (instance) DO UPDATE SET at_us = excluded.at_us, body_json = excluded.body_json",
            self._instance,
            replies.encode(board).decode(),
        )

    async def withdraw(self) -> None:
        """Nobody looks any more: the board goes, and those of the dead with it."""
        await self._run(
            f"DELETE FROM live_boards WHERE instance = ? OR at_us < {self._now} - {60 * SECOND_US}", self._instance
        )

    async def others(self) -> dict[str, dict[str, Any] | None]:
        """The boards of the other processes that live, by instance; None of one that has no fresh one."""
        rows = await self._store.rows(
            "SELECT i.id, b.body_json FROM instances i LEFT JOIN live_boards b ON b.instance = i.id"
            f" AND b.at_us >= {self._now} - {BOARD_SECONDS * SECOND_US}"
            f" WHERE i.id <> ? AND i.lease_until_us >= {self._now}",
            self._instance,
        )
        return {row["id"]: _read(row["body_json"]) if row["body_json"] else None for row in rows}

    async def _run(self, sql: str, *values: Any) -> None:
        await self._store.write(lambda: self._store.run(sql, *values))


def _read(board: str) -> dict[str, Any]:
    """Amounts stay exact."""
    found: dict[str, Any] = json.loads(board, parse_float=Decimal)
    return found
