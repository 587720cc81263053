"""What leaves the house as files at the admin API: the request log and statements; and what one user used."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from infra.client.door import Answer, Verbs, segment


class Books(Verbs):
    """The verbs of exports and statements. A file is an answer to read piece by piece, with its headers:

    async with admin.export_requests("csv", user="bob") as answer:
        async for piece in answer.aiter_bytes(): …
    """

    def export_requests(self, format: str, **filters: Any) -> AbstractAsyncContextManager[httpx.Response]:
        """The request log as "csv" or "jsonl", filtered as `requests` is; `x-total-count` says how many rows."""
        return self._door.stream("GET", "/admin/requests/export", query={**filters, "format": format})

    async def user_usage(self, name_or_id: str, days: int = 30) -> Answer:
        """What a user used in the last days."""
        return await self._door.ask("GET", f"/admin/users/{segment(name_or_id)}/usage", query={"days": days})

    async def statement(self, name_or_id: str, month: str) -> Answer:
        """A user's month ("2026-11"): opening and closing balance, what came and went."""
        return await self._door.ask("GET", f"/admin/users/{segment(name_or_id)}/statement", query={"month": month})

    def statement_file(self, name_or_id: str, month: str, format: str) -> AbstractAsyncContextManager[httpx.Response]:
        """The same as "csv" or as printable "html"."""
        path = f"/admin/users/{segment(name_or_id)}/statement"
        return self._door.stream("GET", path, query={"month": month, "format": format})
