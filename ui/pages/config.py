"""Config: gateway.yaml as it is in force, the faults of the file on the disk, what applying it would change."""

import json
from typing import Any

import yaml
from nicegui import events, ui

from .. import show
from ..desk import Desk
from ..house import Refused
from ..parts.card import card
from ..parts.dialog import button
from ..parts.form import Sure, sure_of
from ..parts.listing import Row

SECTIONS = ("gateway", "backends", "models", "endpoints")


def build(desk: Desk) -> None:
    """The page."""
    _Config(desk)


class _Config:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found: Row = {}
        self._section = "gateway"
        self._seen = ""
        with ui.element("div").classes("stack"):
            with ui.element("section").classes("card"):
                with ui.element("div").classes("card-head"):
                    ui.label("The file on the disk").classes("card-title")
                    self._verdict = ui.label("reading it…").classes("badge")
                    ui.space()
                    button("Read it again", self._again)
                    self._go = button("Apply…", self._apply, "main")
                    self._go.disable()
                self._path = ui.label().classes("card-hint")
                self._file = ui.element("div").classes("file")
            with card(
                "In force", "What the gateway runs by now, with every default filled in. Secrets are never shown."
            ):
                with ui.element("div").classes("tools"):
                    tabs = ui.toggle({name: name for name in SECTIONS}, value="gateway", on_change=self._turn)
                    tabs.props("unelevated no-caps dense toggle-color=primary").classes("sections")
                self._code = ui.element("pre").classes("code").props("tabindex=0")
        desk.keep(self._refresh, 10)

    async def _refresh(self) -> None:
        found = await self._desk.ask(lambda api: api.config())
        checked = await self._desk.ask(lambda api: api.check())
        planned: Row = {"changes": []}
        if checked["ok"]:
            try:
                planned = await self._desk.ask(lambda api: api.plan())
            except Refused:  # it was changed between the two questions; the next turn tells
                checked = {**checked, "ok": False}
        seen = json.dumps([found, checked, planned], default=str)
        if seen != self._seen:  # built anew only where something differs
            self._seen, self._found = seen, found
            self._path.set_text(str(found["path"]))
            self._show_section()
            self._show_file(checked, planned["changes"])

    async def _again(self) -> None:
        await self._desk.attempt(self._refresh)
        ui.notify("The file was read again.", type="positive")

    def _turn(self, event: events.ValueChangeEventArguments[str]) -> None:
        self._section = str(event.value)
        self._show_section()

    def _show_section(self) -> None:
        self._code.clear()
        part = {self._section: self._found.get(self._section)}
        with self._code:
            ui.label(yaml.safe_dump(plain(part), sort_keys=False, allow_unicode=True, width=110))

    def _show_file(self, checked: Row, changes: list[Row]) -> None:
        faults = checked["faults"]
        words = (
            show.counted(len(faults), "fault")
            if faults
            else show.counted(len(changes), "change")
            if changes
            else "in force"
        )
        self._verdict.set_text(words)
        self._verdict.classes(replace=f"badge {'bad' if faults else 'run' if changes else 'ok'}")
        self._go.set_enabled(checked["ok"] and bool(changes))
        self._file.clear()
        with self._file:
            if faults:
                _show_faults(faults)
            elif changes:
                _show_changes(changes)
            else:
                ui.label("It has no fault, and nothing in it differs from what is in force.").classes("empty")
            _notes("Good to know", checked.get("notes") or [])
            _notes("Set here, over the file", checked.get("overrides") or [])
        self._changes = changes

    async def _apply(self) -> None:
        prices = sum(change["kind"] == "price" for change in self._changes)
        priced = f", {show.counted(prices, 'price')} among them" if prices else ""
        sentence = (
            f"{show.counted(len(self._changes), 'change')}{priced}. No request is dropped: running ones end by the old "
            "file and its prices, new ones begin by the new."
        )
        found: Any = await sure_of(
            self._desk, "Apply the file?", lambda api: api.apply(), Sure(sentence, "Apply"), "The file is in force."
        )
        if found is not None:
            await self._desk.attempt(self._refresh)


def _show_faults(faults: list[Row]) -> None:
    ui.label("Nothing can be applied until these are mended; the gateway goes on by what is in force.").classes(
        "sentence"
    )
    with ui.element("div").classes("faults"):
        for fault in faults:
            ui.label(f"line {fault['line']}" if fault["line"] else "file").classes("fault-line")
            with ui.element("div"):
                ui.label(str(fault["where"] or "the file")).classes("fault-where")
                ui.label(str(fault["message"])).classes("fault-text")


def _show_changes(changes: list[Row]) -> None:
    ui.label("Applying it would change:").classes("sentence")
    with ui.element("div").classes("changes"):
        for change in changes:
            ui.label(str(change["kind"])).classes("badge run" if change["kind"] == "price" else "badge")
            with ui.element("div"):
                ui.label(str(change["subject"])).classes("fault-where")
                ui.label(str(change["text"])).classes("fault-text")
                if "users" in change:
                    users, keys = show.counted(change["users"], "user"), show.counted(change["keys"], "key")
                    ui.label(f"used by {users} with {keys} in the last 30 days").classes("card-hint")


def _notes(title: str, found: list[str]) -> None:
    if found:
        ui.label(title).classes("part")
        with ui.element("ul").classes("notes"):
            for each in found:
                with ui.element("li"):
                    ui.label(str(each))


def plain(value: Any) -> Any:
    """What YAML can write: no Decimal, nothing that is only a default of nothing."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if each is not None and each != [] and each != {}}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value if isinstance(value, bool | int | str) else float(value)
