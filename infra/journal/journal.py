"""The door of the request log."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

from infra.identity.names import storable
from infra.journal import figures, series
from infra.journal.figures import DayUsage, Overview
from infra.journal.line import Filters, Line, Page, lines
from infra.journal.people import People
from infra.journal.recently import Recently
from infra.journal.searched import page_of, table
from infra.journal.seen import narrowed
from infra.journal.series import Asked, Series
from infra.rollups.figures import Figures
from infra.store.clock import now_us
from infra.store.cursor import read_cursor, write_cursor
from infra.store.database import Store

Condition = tuple[str, tuple[Any, ...]]


class Journal:
    """One per gateway. Every list is newest first and paged by its time and id, so that no page shifts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.recently = Recently(store)
        self.people = People(store)

    async def page(self, filters: Filters, cursor: str | None = None, limit: int = 100) -> Page[Line]:
        """Requests; raises BadRequest for a cursor that is not ours."""
        filters = await narrowed(self._store, filters)
        select, shown = page_of(filters, self._store.dialect)
        conditions = filters.conditions(self._store.dialect)
        found = await self._newest(select, conditions, ("r.created_us", "r.id"), cursor, limit, shown)
        return Page([Line.of(row) for row in found.rows], found.next)

    async def export(self, filters: Filters) -> tuple[int, AsyncIterator[list[Line]]]:
        """How many requests there are, and all of them, newest first, some hundred at a time; what comes later is not
        among them."""
        filters = await narrowed(self._store, filters)
        until = min(now_us() + 1, filters.to_us or now_us() + 1)
        conditions = replace(filters, to_us=until).conditions(self._store.dialect)
        where = " AND ".join(sql for sql, _ in conditions) or "TRUE"
        values = [value for _, some in conditions for value in some]
        log = table(filters, self._store.dialect)
        [row] = await self._store.read(f"SELECT COUNT(*) AS n FROM {log} r WHERE {where}", *values)

        async def pages() -> AsyncIterator[list[Line]]:
            sql = lines(f"SELECT r.* FROM {log} r WHERE {where}")
            async for page in self._store.pages(sql, *values):
                yield [Line.of(row) for row in page]

        return int(row["n"]), pages()

    async def get(self, request_id: str) -> Line | None:
        """One request; None where there is none of that id."""
        if not storable(request_id):
            return None
        rows = await self._store.read(lines("SELECT * FROM requests WHERE id = ?"), request_id)
        return Line.of(rows[0]) if rows else None

    async def entries(self, user_id: str | None, cursor: str | None = None, limit: int = 100) -> Page[dict[str, Any]]:
        """The ledger's entries with their user's name: of all, or of one user in the order of the account itself.

        Raises BadRequest for a cursor that is not ours.
        """
        select = "SELECT e.*, u.name AS username FROM entries e LEFT JOIN users u ON u.id = e.user_id"
        if user_id is None:
            return await self._newest(select, [], ("e.created_us", "e.id"), cursor, limit)
        return await self._newest(select, [("e.user_id = ?", (user_id,))], ("e.seq", "e.id"), cursor, limit)

    async def events(
        self, conditions: Sequence[Condition] = (), cursor: str | None = None, limit: int = 100
    ) -> Page[dict[str, Any]]:
        """The audit log; `conditions` on `audit_events a`. Raises BadRequest for a cursor that is not ours."""
        return await self._newest("SELECT a.* FROM audit_events a", conditions, ("a.at_us", "a.id"), cursor, limit)

    async def events_of(self, backend: str, cursor: str | None = None, limit: int = 100) -> Page[dict[str, Any]]:
        """What happened to a backend; raises BadRequest for a cursor that is not ours."""
        select = "SELECT b.* FROM backend_events b"
        return await self._newest(select, [("b.backend = ?", (backend,))], ("b.at_us", "b.id"), cursor, limit)

    async def overview(self, days: int, now_us: int) -> Overview:
        """The house over so many UTC days, today's part included, and over as many before them."""
        return await figures.overview(self._store, days, now_us)

    async def sums(self, days: int, now_us: int) -> Overview:
        """The same without groups, users and speeds, which take most of its time."""
        return await figures.sums(self._store, days, now_us)

    async def series(self, asked: Asked) -> list[Series]:
        """Points for a chart, the largest groups first."""
        return await series.series(self._store, asked)

    async def usage_of(self, user_id: str, since_us: int) -> list[DayUsage]:
        """A user's requests by day and model, the latest day first."""
        return await figures.usage_of(self._store, user_id, since_us)

    async def usage_by_key(self, user_id: str, since_us: int) -> dict[str, Figures]:
        """A user's requests by key id."""
        return await figures.usage_by_key(self._store, user_id, since_us)

    async def _newest(
        self,
        select: str,
        conditions: Sequence[Condition],
        order: tuple[str, str],
        cursor: str | None,
        limit: int,
        shown: Callable[[str], str] = str,
    ) -> Page[dict[str, Any]]:
        at, id = order
        after = read_cursor(cursor)
        if after is not None:
            # Compared as a row, which both databases answer from the index of the same two columns.
            conditions = [*conditions, (f"({at}, {id}) < (?, ?)", after)]
        where = " AND ".join(sql for sql, _ in conditions) or "TRUE"
        values = [value for _, some in conditions for value in some]
        sql = f"{select} WHERE {where} ORDER BY {at} DESC, {id} DESC LIMIT {int(limit) + 1}"
        rows = await self._store.read(shown(sql), *values)
        if len(rows) <= limit:
            return Page(rows)
        last = rows[limit - 1]
        return Page(rows[:limit], write_cursor(last[at.partition(".")[2]], last["id"]))
