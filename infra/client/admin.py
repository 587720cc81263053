"""The verbs of the admin API, one method per route; API_REFERENCE.md shows every answer.

Lists are {"data": […], "next": cursor or None}; users, keys, models and backends come whole where no `limit` is given.
Amounts go in as text, Decimal or int and come out exactly, beside an integer `…_nano`; times are epoch seconds.
Every method raises ApiError and Unreachable (infra.client).
"""

from typing import Any, Self

import httpx

from infra.client.books import Books
from infra.client.door import Answer, Door, segment
from infra.client.now import Now
from infra.client.people import People
from infra.client.trade import Trade


class AdminClient(People, Trade, Books, Now):
    """One gateway, with the owner's key or a session token."""

    def __init__(
        self,
        base_url: str = "http://in-process",
        *,
        token: str,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(Door(base_url, token, transport))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._door.close()

    async def session(self) -> Answer:
        """A short-lived token in place of the admin key: {"token", "expires_at"}."""
        return await self._door.ask("POST", "/admin/session", body={})

    async def end_session(self) -> Answer:
        """Hands the session's token back: it is refused from now on; 400 for the admin key."""
        return await self._door.ask("DELETE", "/admin/session")

    async def overview(self, days: int = 1, sums: bool = False) -> Answer:
        """The figures of the last 1, 7 or 30 days, and of the period before; `sums`: without groups, users, speeds."""
        query = {"days": days, "sums": "true" if sums else None}
        return await self._door.ask("GET", "/admin/overview", query=query)

    async def series(self, *, step: str = "day", by: str = "none", **more: Any) -> Answer:
        """Points over time; more: from, to, user, key, model, backend, endpoint (`**{"from": …}`, or from_ and to)."""
        fields = {name.rstrip("_"): value for name, value in more.items()}
        return await self._door.ask("GET", "/admin/series", query={"step": step, "by": by, **fields})

    async def margins(self, days: int | None = None) -> Answer:
        """Revenue less electricity, by backend and model."""
        return await self._door.ask("GET", "/admin/margins", query={"days": days})

    async def rebuild_figures(self) -> Answer:
        """Sums up the request log anew, in the background."""
        return await self._door.ask("POST", "/admin/figures/rebuild", body={})

    async def config(self) -> Answer:
        """gateway.yaml as it is in force; never a secret."""
        return await self._door.ask("GET", "/admin/config")

    async def check(self) -> Answer:
        """Every fault of the file on the gateway's disk: {"ok", "faults"}."""
        return await self._door.ask("POST", "/admin/config/check", body={})

    async def plan(self) -> Answer:
        """What the file would change: {"changes", "overrides"}."""
        return await self._door.ask("POST", "/admin/config/plan", body={})

    async def apply(self) -> Answer:
        """Reloads the file without dropping a request; 400 with all faults where it has any."""
        return await self._door.ask("POST", "/admin/config/apply", body={})

    async def endpoints(self) -> Answer:
        """Every function with its routes, guards, limits and state."""
        return await self._door.ask("GET", "/admin/endpoints")

    async def openapi(self) -> Answer:
        """The OpenAPI document of every route."""
        return await self._door.ask("GET", "/admin/openapi.json")

    async def reload_endpoint(self, name: str) -> Answer:
        """Imports one function anew; 400 where it cannot be, and the one before serves on."""
        return await self._door.ask("POST", f"/admin/endpoints/{segment(name)}/reload", body={})

    async def audit_events(
        self,
        limit: int | None = None,
        cursor: str | None = None,
        *,
        action: str | None = None,
        actor: str | None = None,
        target: str | None = None,
        from_: str | int | None = None,
        to: str | int | None = None,
    ) -> Answer:
        """Who changed what, newest first; `action` as "user.create", or "user" for all of that noun."""
        query = {"limit": limit, "cursor": cursor, "action": action, "actor": actor, "target": target}
        return await self._door.ask("GET", "/admin/audit-events", query={**query, "from": from_, "to": to})
