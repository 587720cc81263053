"""A list that the server pages: a table on a desk, cards on a phone, every row opened by click or by Enter.

Rows are drawn by listing.js, in place; what a row says is escaped there.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nicegui import events, ui

from .. import show
from ..desk import Desk
from ..house import Trouble
from .state import Words

Row = dict[str, Any]
PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Column:
    """One column; a row may carry, beside its value `<name>`:

    `<name>_tone` a badge's colour (ok, bad, run), `<name>_hint` what the pointer sees, `<name>_more` a small second
    line, `<name>_href` a path of the control room that the value leads to (built by us, its parts quoted).
    """

    name: str
    label: str
    kind: Literal["text", "number", "time", "ago", "badge"] = "text"
    never: str = show.UNKNOWN
    """What a time reads where there is none."""
    sort: str = ""
    """By what name the server sorts by this column; empty where it does not."""

    def spec(self, order: str = "") -> Row:
        """As Quasar's table wants it; times are epoch seconds, written in the viewer's own zone."""
        found: Row = {"name": self.name, "field": self.name, "label": self.label, "kind": self.kind, "sort": self.sort}
        found |= {"align": "right" if self.kind == "number" else "left", "never": self.never}
        if self.sort and order.removeprefix("-") == self.sort:
            found["arrow"] = "descending" if order.startswith("-") else "ascending"
        return found


class Listing:
    """`ask(cursor, limit)` answers {"data", "next"}, and as "empty" a sentence where it knows why there is nothing;
    `shape` makes a row of what it lists, with an `id`."""

    def __init__(
        self,
        desk: Desk,
        columns: Sequence[Column],
        ask: Callable[[str | None, int], Awaitable[Mapping[str, Any]]],
        shape: Callable[[Row], Row],
        empty: str,
        on_open: Callable[[Row], Awaitable[None]] | None = None,
        on_sort: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """`empty` is the sentence for an empty list; `on_sort` is told a column's `sort` when its head is clicked."""
        self._desk, self._ask, self._shape, self._on_open = desk, ask, shape, on_open
        self._columns, self._on_sort = columns, on_sort
        self._cursors: list[str | None] = [None]
        self._next: str | None = None
        self._found: dict[str, Row] | None = None
        self._table = _table(columns, opens=on_open is not None)
        self._table.on("show", self._open)
        self._table.on("sort", self._sort)
        self.words = Words(empty)
        with ui.element("div").classes("pager") as self._pager:
            self._back = _turn("Back", self._go_back, "icon=chevron_left")
            self._place = ui.label().classes("place")
            self._on = _turn("Next", self._go_on, "icon-right=chevron_right")
        self._pager.set_visibility(False)

    async def load(self) -> None:
        """Asks for the page in view and shows it; raises Trouble."""
        try:
            found = await self._ask(self._cursors[-1], PAGE_ROWS)
        except Trouble:
            if self._found is None:
                self.words.failed()
            raise
        rows = [self._shape(row) for row in found["data"]]
        self._found = {shaped["id"]: row for shaped, row in zip(rows, found["data"], strict=True)}
        self._next = found.get("next")
        if rows != self._table.rows:
            self._table.rows = rows
        self.words.ready(bool(rows), str(found.get("empty") or ""))
        self._table.set_visibility(bool(rows))
        first = PAGE_ROWS * (len(self._cursors) - 1) + 1
        self._place.set_text(f"{show.count(first)}–{show.count(first + len(rows) - 1)}")
        self._back.set_enabled(len(self._cursors) > 1)
        self._on.set_enabled(self._next is not None)
        self._pager.set_visibility(len(self._cursors) > 1 or self._next is not None)

    @property
    def at_the_top(self) -> bool:
        """Whether the first page is in view, the one that grows."""
        return len(self._cursors) == 1

    def mark_order(self, order: str) -> None:
        """Puts the arrow on the column that the server sorts by: "balance", or "-balance" for the largest first."""
        self._table.columns = [column.spec(order) for column in self._columns]

    async def restart(self) -> None:
        """From the first page: what is searched for has changed."""
        self._cursors = [None]
        await self._desk.attempt(self.load)

    async def _go_on(self) -> None:
        if self._next is not None:
            self._cursors.append(self._next)
            await self._desk.attempt(self.load)

    async def _go_back(self) -> None:
        if len(self._cursors) > 1:
            self._cursors.pop()
            await self._desk.attempt(self.load)

    async def _open(self, event: events.GenericEventArguments) -> None:
        row = (self._found or {}).get(str(event.args))
        if row is not None and self._on_open is not None:
            await self._on_open(row)

    async def _sort(self, event: events.GenericEventArguments) -> None:
        known = {column.sort for column in self._columns}
        if self._on_sort is not None and event.args in known:
            await self._on_sort(str(event.args))


class _Lines(ui.table, component="listing.js"):
    """Quasar's table, drawn by our own component."""


def _table(columns: Sequence[Column], opens: bool) -> ui.table:
    table = _Lines(columns=[column.spec() for column in columns], rows=[], row_key="id")
    table.props("flat hide-pagination :rows-per-page-options=[0] :grid=Quasar.Screen.lt.md")
    table.classes("listing" + (" opens" if opens else ""))
    table.set_visibility(False)
    return table


def _turn(words: str, on_click: Any, icon: str) -> ui.button:
    return ui.button(words, on_click=on_click, color=None).props(f"flat dense no-caps {icon}")
