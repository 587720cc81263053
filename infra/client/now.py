"""What runs right now at the admin API."""

from infra.client.door import Answer, Verbs, segment


class Now(Verbs):
    """The verbs of running requests."""

    async def live(self) -> Answer:
        """Every request in flight and in the queues of all processes, the oldest first; `running`, `queued`."""
        return await self._door.ask("GET", "/admin/live")

    async def stop_request(self, request_id: str, reason: str | None = None) -> Answer:
        """Ends a running request; what was delivered is charged. The caller is told the reason."""
        return await self._door.ask("POST", f"/admin/live/{segment(request_id)}/stop", body={"reason": reason})
