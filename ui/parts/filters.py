"""Filters above a list: kept in the address, so that a link, a bookmark or a reload brings them back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from nicegui import events, ui

from ..desk import Desk
from .dialog import button

Changed = Callable[[], Awaitable[None]]


class Filters:
    """`values` holds what is set, by its name in the address; `changed` runs after each change."""

    def __init__(self, desk: Desk, changed: Changed) -> None:
        self._desk, self._changed = desk, changed
        self.values: dict[str, str] = {}
        self._fields: dict[str, ui.input | ui.select] = {}
        self._setting = False
        self._clear: ui.button | None = None

    def text(self, name: str, label: str, main: bool = False) -> ui.input:
        """A text; `main` is the one that the key "/" leads to."""
        found = ui.input(placeholder=label, value=self._first(name), on_change=lambda event: self._set(name, event))
        found.props("outlined dense clearable debounce=400").props["aria-label"] = label
        found.classes("search" if main else "filter")
        self._fields[name] = found
        return found

    def choice(
        self, name: str, label: str, options: Mapping[str, str], open: bool = False, first: str = ""
    ) -> ui.select:
        """One of some, "" for all; `open` where more are offered later, so that the address may name any; `first` is
        what is chosen where the address names none."""
        said = self._first(name) or first
        known = said if open or said in options else first
        self.values[name] = known
        offered = {**options, known: options.get(known, known)}
        found = ui.select(offered, value=known, label=label, on_change=lambda event: self._set(name, event))
        found.props("outlined dense options-dense").classes("choice").props["aria-label"] = label
        self._fields[name] = found
        return found

    def date(self, name: str, label: str) -> ui.input:
        """A day or a time of the viewer's own zone, by the browser's own picker."""
        found = ui.input(label, value=self._first(name), on_change=lambda event: self._set(name, event))
        found.props("outlined dense type=datetime-local stack-label debounce=600").classes("when")
        self._fields[name] = found
        return found

    def offer(self, field: ui.select, all_: str, names: Sequence[str]) -> None:
        """More to choose from, as the gateway knows them; what is chosen stays."""
        chosen = str(field.value or "")
        found = {"": all_, **{str(name): str(name) for name in names}}
        field.set_options({**found, chosen: found.get(chosen, chosen)}, value=chosen)

    def clear_button(self) -> None:
        """Takes all out; there while something is set."""
        self._clear = button("Clear filters", self.clear)
        self._offer_clearing()

    @property
    def active(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.set)

    @property
    def set(self) -> dict[str, str]:
        """What is set, without what is empty."""
        return {name: value for name, value in self.values.items() if value}

    async def clear(self) -> None:
        """Takes every filter out; one turn of `changed` for all of them."""
        self._setting = True
        for name, field in self._fields.items():
            field.value = ""
            self.values[name] = ""
        self._setting = False
        await self._said()

    def _first(self, name: str) -> str:
        self.values[name] = self._desk.query.get(name, "")
        self._offer_clearing()
        return self.values[name]

    async def _set(self, name: str, event: events.ValueChangeEventArguments[str | None]) -> None:
        value = str(event.value or "").strip()
        if value != self.values[name]:
            self.values[name] = value
            if not self._setting:
                await self._said()

    async def _said(self) -> None:
        self._desk.remember(self.values)
        self._offer_clearing()
        await self._changed()

    def _offer_clearing(self) -> None:
        if self._clear is not None:
            self._clear.set_visibility(self.active)
