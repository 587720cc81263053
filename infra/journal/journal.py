"""The door of the request log."""

from typing import Any, TypeVar

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from infra.identity.names import storable
from infra.journal import figures
from infra.journal.figures import DayUsage, Figures, Overview
from infra.journal.line import LINES, Filters, Line, Page
from infra.store.cursor import read_cursor, write_cursor
from infra.store.database import Store
from infra.store.models import AuditEvent, Entry

M = TypeVar("M", bound=Model)


class Journal:
    """One per gateway. Every list is newest first and paged by its time and id, so that no page shifts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, filters: Filters, cursor: str | None = None, limit: int = 100) -> Page[Line]:
        """Requests, newest first; raises BadRequest for a cursor that is not ours."""
        conditions = filters.conditions()
        after = read_cursor(cursor)
        if after is not None:
            conditions.append(("(r.created_us, r.id) < (?, ?)", after))
        where = " AND ".join(sql for sql, _ in conditions) or "TRUE"
        values = [value for _, some in conditions for value in some]
        rows = await self._store.rows(
            f"{LINES} WHERE {where} ORDER BY r.created_us DESC, r.id DESC LIMIT {int(limit) + 1}", *values
        )
        lines = [Line.of(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(lines, write_cursor(lines[-1].created_us, lines[-1].id) if more else None)

    async def get(self, request_id: str) -> Line | None:
        """One request; None where there is none of that id."""
        if not storable(request_id):
            return None
        rows = await self._store.rows(f"{LINES} WHERE r.id = ?", request_id)
        return Line.of(rows[0]) if rows else None

    async def entries(self, user_id: str | None, cursor: str | None = None, limit: int = 100) -> Page[Entry]:
        """The ledger's entries, of one user or all; raises BadRequest for a cursor that is not ours."""
        query = Entry.all() if user_id is None else Entry.filter(user_id=user_id)
        return await _page(query, "created_us", cursor, limit)

    async def events(self, cursor: str | None = None, limit: int = 100) -> Page[AuditEvent]:
        """The audit log; raises BadRequest for a cursor that is not ours."""
        return await _page(AuditEvent.all(), "at_us", cursor, limit)

    async def overview(self, days: int, now_us: int) -> Overview:
        """The house over so many UTC days, today's part included, and over as many before them."""
        return await figures.overview(self._store, days, now_us)

    async def usage_of(self, user_id: str, since_us: int) -> list[DayUsage]:
        """A user's requests by day and model, the latest day first."""
        return await figures.usage_of(self._store, user_id, since_us)

    async def usage_by_key(self, user_id: str, since_us: int) -> dict[str, Figures]:
        """A user's requests by key id."""
        return await figures.usage_by_key(self._store, user_id, since_us)

    async def touched(self, column: str, since_us: int) -> dict[str, tuple[int, int]]:
        """Keys and users by `model` or `endpoint` that they used since then."""
        return await figures.touched(self._store, column, since_us)


async def _page(query: QuerySet[M], time: str, cursor: str | None, limit: int) -> Page[M]:
    after = read_cursor(cursor)
    if after is not None:
        at, id = after
        earlier: dict[str, Any] = {f"{time}__lt": at}
        # The first condition is what the index is walked by; the second settles ties.
        query = query.filter(**{f"{time}__lte": at}).filter(Q(**earlier) | Q(id__lt=id))
    rows: list[M] = await query.order_by(f"-{time}", "-id").limit(limit + 1)
    last: Any = rows[limit - 1] if len(rows) > limit else None
    return Page(rows[:limit], write_cursor(getattr(last, time), last.id) if last is not None else None)
