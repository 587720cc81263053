"""What runs and happens right now at the admin API."""

from collections.abc import AsyncIterator

from infra.client.door import Answer, Event, Verbs, segment


class Now(Verbs):
    """The verbs of running requests, and the stream of events."""

    async def live(self) -> Answer:
        """Every request in flight and in the queues of all processes, the oldest first; `running`, `queued`."""
        return await self._door.ask("GET", "/admin/live")

    async def stop_live(self, request_id: str, reason: str | None = None) -> Answer:
        """Ends a running request; what was delivered is charged. The caller is told the reason."""
        return await self._door.ask("POST", f"/admin/live/{segment(request_id)}/stop", body={"reason": reason})

    async def backend_events(self, name: str, limit: int | None = None, cursor: str | None = None) -> Answer:
        """What happened to a backend, newest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self._door.ask("GET", f"/admin/backends/{segment(name)}/events", query=query)

    def events(self) -> AsyncIterator[Event]:
        """What happens, as it happens, with a `tick` of figures each second; over HTTP only.

            async for event in admin.events(): …

        It ends with `end` where the session is over or the gateway stops; raises Unreachable where it breaks off. To go
        on is up to the caller."""
        return self._door.listen("/admin/events")
