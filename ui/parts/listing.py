"""A list that the server pages: a table on a desk, cards on a phone, every row opened by click or by Enter.

The templates below are constants; what a row says goes through Vue's interpolation, which escapes.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nicegui import events, ui

from .. import show
from ..desk import Desk

Row = dict[str, Any]
PAGE_ROWS = 50
_WHEN = "value => value == null ? %s : new Date(value * 1000).toLocaleString()"
_CELL = """
  <span v-if="col.kind === 'badge'" :class="['badge', props.row[col.name + '_tone']]">{{ col.value }}</span>
  <span v-else :title="props.row[col.name + '_hint']">{{ col.value }}</span>"""
_BODY = f"""
<q-tr :props="props" class="line" tabindex="0" @click="$parent.$emit('show', props.row.id)"
      @keydown.enter="$parent.$emit('show', props.row.id)">
  <q-td v-for="col in props.cols" :key="col.name" :props="props" :class="'kind-' + col.kind">{_CELL}</q-td>
</q-tr>"""
_ITEM = f"""
<div class="tile" tabindex="0" role="button" @click="$parent.$emit('show', props.row.id)"
     @keydown.enter="$parent.$emit('show', props.row.id)">
  <div v-for="col in props.cols" :key="col.name" class="tile-line">
    <span class="tile-name">{{{{ col.label }}}}</span><span class="tile-value">{_CELL}</span>
  </div>
</div>"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; a row may carry `<name>_tone` for a badge's colour and `<name>_hint` for what the pointer sees."""

    name: str
    label: str
    kind: Literal["text", "number", "time", "badge"] = "text"
    never: str = show.UNKNOWN
    """What a time reads where there is none."""

    def spec(self) -> Row:
        """As Quasar's table wants it; times are epoch seconds, written in the viewer's own zone."""
        found: Row = {"name": self.name, "field": self.name, "label": self.label, "kind": self.kind}
        found["align"] = "right" if self.kind == "number" else "left"
        return {**found, ":format": _WHEN % json.dumps(self.never)} if self.kind == "time" else found


class Listing:
    """`ask(cursor, limit)` answers {"data", "next"}; `shape` makes a row of what it lists, with an `id`."""

    def __init__(
        self,
        desk: Desk,
        columns: Sequence[Column],
        ask: Callable[[str | None, int], Awaitable[Mapping[str, Any]]],
        shape: Callable[[Row], Row],
        empty: str,
        on_open: Callable[[Row], Any] | None = None,
    ) -> None:
        self._desk, self._ask, self._shape, self._on_open = desk, ask, shape, on_open
        self._cursors: list[str | None] = [None]
        self._next: str | None = None
        self._found: dict[str, Row] = {}
        self._table = ui.table(columns=[column.spec() for column in columns], rows=[], row_key="id")
        self._table.props("flat hide-pagination :rows-per-page-options=[0] :grid=Quasar.Screen.lt.md")
        self._table.classes("listing" + (" opens" if on_open else ""))
        self._table.add_slot("body", _BODY)
        self._table.add_slot("item", _ITEM)
        self._table.add_slot("no-data", "<span></span>")
        self._table.on("show", self._open)
        self._empty_words = empty
        self._words = ui.label("Loading…").classes("empty")
        with ui.element("div").classes("pager") as self._pager:
            self._back = ui.button("Back", icon="chevron_left", on_click=self._go_back, color=None).props(
                "flat dense no-caps"
            )
            self._place = ui.label().classes("place")
            self._on = ui.button("Next", on_click=self._go_on, color=None).props(
                "flat dense no-caps icon-right=chevron_right"
            )
        self._pager.set_visibility(False)

    async def load(self) -> None:
        """Asks for the page in view and shows it; raises Trouble."""
        found = await self._ask(self._cursors[-1], PAGE_ROWS)
        rows = [self._shape(row) for row in found["data"]]
        self._found = {shaped["id"]: row for shaped, row in zip(rows, found["data"], strict=True)}
        self._next = found.get("next")
        if rows != self._table.rows:
            self._table.rows = rows
        self._words.set_text(self._empty_words)
        self._words.set_visibility(not rows)
        self._table.set_visibility(bool(rows))
        first = PAGE_ROWS * (len(self._cursors) - 1) + 1
        self._place.set_text(f"{show.count(first)}–{show.count(first + len(rows) - 1)}")
        self._back.set_enabled(len(self._cursors) > 1)
        self._on.set_enabled(self._next is not None)
        self._pager.set_visibility(len(self._cursors) > 1 or self._next is not None)

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
        row = self._found.get(str(event.args))
        if row is not None and self._on_open is not None:
            await self._on_open(row)
