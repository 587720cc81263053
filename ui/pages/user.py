"""One user: the balance and what is held of it, what was used, the ledger, keys, requests, and the months."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import events, ui

from .. import show
from ..desk import Desk
from ..house import Refused
from ..parts.copy import copyable
from ..parts.dialog import Moment, button
from ..parts.figure import Figure
from ..parts.listing import Row
from . import user_changes
from .key_form import mint
from .user_lists import UserKeys, UserLedger, UserRequests
from .user_statements import Statements
from .user_usage import Usage

TABS = {"usage": "Usage", "ledger": "Ledger", "keys": "Keys", "requests": "Requests", "statements": "Statements"}


def build(desk: Desk) -> None:
    """The page."""
    _User(desk)


class _User:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._id = desk.params["user"]
        self._row: Row = {}
        self._loading = ui.label("Loading…").classes("empty").props('role="status"')
        with ui.element("div").classes("stack") as self._all:
            self._head()
            self._tabs()
        self._all.set_visibility(False)
        desk.keep(self._turn, 5, on=("request.ended", "user", "key"))

    def _head(self) -> None:
        with ui.element("section").classes("card"):
            with ui.element("div").classes("card-head"):
                ui.link("Users", "/users").classes("crumb")
                self._name = ui.label().classes("user-name")
                self._state = ui.label().classes("badge")
                ui.space()
                with ui.element("div").classes("actions head-actions"):
                    self._switch = button("Disable", self._doing(user_changes.switch))
                    button("Weight and limits", self._doing(user_changes.change_terms))
                    button("Adjust", self._doing(user_changes.adjust))
                    button("New key", self._doing(_new_key))
                    button("Top up", self._doing(user_changes.top_up), "main")
            with ui.element("div").classes("figures five"):
                self._balance = Figure("Balance")
                self._held = Figure("Held now")
                self._keys = Figure("Keys")
                self._weight = Figure("Weight in the queue")
                self._limits = Figure("Limits")
            with ui.element("div").classes("user-id") as self._foot:
                pass

    def _tabs(self) -> None:
        wanted = self._desk.query.get("tab", "")
        self._tab = wanted if wanted in TABS else "usage"
        with ui.element("section").classes("card"):
            tabs = ui.tabs(on_change=self._turned).props("no-caps dense align=left inline-label")
            with tabs.classes("tabs"):
                for name, title in TABS.items():
                    ui.tab(name, title)
            with ui.tab_panels(tabs, value=self._tab, animated=False).classes("panels"):
                self._panels = {name: self._panel(name, made) for name, made in _PANELS.items()}

    def _panel(self, name: str, made: Callable[[Desk, str], Any]) -> Any:
        with ui.tab_panel(name):
            return made(self._desk, self._id)

    async def _turned(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self._tab = str(event.value)
        self._desk.remember({"tab": "" if self._tab == "usage" else self._tab})
        await self._desk.attempt(self._panels[self._tab].load)

    async def _turn(self) -> None:
        try:
            self._row = await self._desk.ask(lambda api: api.user(self._id))
        except Refused as refused:
            if refused.status == 404:
                self._loading.set_text(str(refused))
                return
            raise
        self._show(self._row)
        self._loading.set_visibility(False)
        self._all.set_visibility(True)
        await self._panels[self._tab].load()

    def _show(self, row: Row) -> None:
        currency, active = self._desk.house.currency, bool(row["active"])
        self._name.set_text(str(row["username"]))
        self._state.set_text("active" if active else "disabled")
        self._state.classes(replace=f"badge {'ok' if active else 'bad'}")
        self._switch.set_text("Disable" if active else "Enable")
        exact = show.money(row["balance_nano"], currency)
        self._balance.set(show.headline(row["balance_nano"], currency), exact, "", exact)
        self._held.set(show.headline(row["held_nano"], currency), "by requests that run" if row["held_nano"] else "")
        self._keys.set(show.count(row["keys"]), "switched on")
        self._weight.set(show.count(row["weight"]), "share of a busy backend")
        limits = show.limits(row["limits"])
        self._limits.set("none" if limits.startswith("none") else limits)
        if not self._foot.default_slot.children:
            with self._foot:
                copyable(str(row["id"]), "the user's id")
                with ui.element("div").classes("since"):
                    ui.label("since")
                    Moment(row["created_at"]).show()

    def _doing(self, change: Callable[[Desk, Row], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            await change(self._desk, self._row)
            await self._desk.attempt(self._turn)

        return do


async def _new_key(desk: Desk, row: Row) -> None:
    await mint(desk, str(row["username"]))


_PANELS: dict[str, Callable[[Desk, str], Any]] = {
    "usage": Usage,
    "ledger": UserLedger,
    "keys": UserKeys,
    "requests": UserRequests,
    "statements": Statements,
}
