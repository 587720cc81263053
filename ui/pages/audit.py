"""Audit: the books proved on demand, and who changed what."""

import time
from typing import Any

from nicegui import ui

from .. import show
from ..desk import Desk
from ..house import Trouble
from ..parts.card import card
from ..parts.dialog import Moment, actions, button, facts, opened, settled
from ..parts.diff import in_a_line, show_differences
from ..parts.figure import Figure
from ..parts.filters import Filters
from ..parts.listing import Column, Listing, Row

COLUMNS = (
    Column("at", "Time", "time"),
    Column("actor", "Who"),
    Column("action", "What", "badge"),
    Column("target", "Of"),
    Column("changed", "Changed"),
    Column("address", "From"),
)
ACTIONS = {
    "": "Anything",
    "ledger": "Money",
    "user": "Users",
    "key": "Keys",
    "model": "Models",
    "price": "Prices",
    "request": "Requests stopped",
    "backend": "Backends",
    "endpoint": "Endpoints",
    "config": "Configuration",
    "session": "Sign-ins",
}


def build(desk: Desk) -> None:
    """The page."""
    with ui.element("div").classes("stack"):
        _Books(desk)
        _Events(desk)


class _Books:
    """The ledger's own check, run when the owner wants it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        with card("Ledger check", "Proves every balance from the entries of the ledger. It repairs nothing."):
            with ui.element("div").classes("tools"):
                self._go = button("Check the ledger", self._check, "main")
                self._reprice = ui.switch("compute every bill anew from its tokens, too (slower)")
            self._words = ui.label("Not checked on this page yet.").classes("empty").props('role="status"')
            self._bar = ui.linear_progress(0, show_value=False, size="8px")
            self._bar.props('rounded aria-label="How much of the ledger is checked"').set_visibility(False)
            with ui.element("div").classes("figures six") as self._figures:
                names = ("Users", "Entries", "Requests", "Bills computed anew", "All balances", "Held of them")
                self._parts = {name: Figure(name) for name in names}
            self._figures.set_visibility(False)
            self._findings = ui.element("div").classes("faults")

    async def _check(self) -> None:
        self._go.disable()
        self._words.classes(replace="empty")
        self._words.set_text("The check begins …")
        self._bar.value, began, far = 0, time.monotonic(), Row()

        def look() -> None:
            """One look at how far it is."""
            if far:
                self._bar.value = far["done"] / max(1, far["total"])
                self._words.set_text(f"{_far(far)} {show.span(1000 * int(time.monotonic() - began))} so far.")

        self._bar.set_visibility(True)
        clock = ui.timer(0.5, look)
        try:
            found: Row = await self._desk.ask(lambda api: api.audit_followed(far.update, bool(self._reprice.value)))
        except Trouble as trouble:
            self._words.set_text(f"The check did not come to its end: {trouble}")
            self._words.classes(replace="error-text")
            return
        finally:
            clock.cancel()
            self._bar.set_visibility(False)
            self._go.enable()
        self._show(found, show.span(int(1000 * (time.monotonic() - began))))

    def _show(self, found: Row, took: str) -> None:
        currency, findings = self._desk.house.currency, found["findings"]
        clean = "The books are right: every balance is the sum of its entries"
        words = f"{clean}." if found["clean"] else f"{show.counted(len(findings), 'thing')} do not add up."
        self._words.set_text(f"{words} It took {took}.")
        self._words.classes(replace="verdict ok" if found["clean"] else "error-text")
        for name, field in (("Users", "users"), ("Entries", "entries"), ("Requests", "requests")):
            self._parts[name].set(show.compact(found[field]), exact=show.count(found[field]))
        repriced = int(found.get("repriced") or 0)
        self._parts["Bills computed anew"].set(show.compact(repriced), "" if repriced else "not asked for")
        for name, field in (("All balances", "balance_total"), ("Held of them", "held_total")):
            nano = found[f"{field}_nano"]
            self._parts[name].set(show.headline(nano, currency), exact=show.money(nano, currency))
        self._figures.set_visibility(True)
        self._findings.clear()
        with self._findings:
            for finding in findings[:200]:
                ui.label(str(finding["rule"])).classes("fault-line")
                with ui.element("div"):
                    ui.label(str(finding["subject"])).classes("fault-where")
                    ui.label(str(finding["text"])).classes("fault-text")


def _far(far: Row) -> str:
    """How much of all is read, and what is being proved. A row counts once for each rule that reads it."""
    rows = f"{show.count(far['done'])} of {show.count(far['total'])} rows"
    return f"{rows} are read; now: {far['rule']}. Nobody waits for it."


class _Events:
    """Who changed what, newest first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._filters = Filters(desk, self._changed)
        with card("Who changed what", "Every change by the admin key, the command or this room, with its address."):
            with ui.element("div").classes("tools"):
                self._filters.text("target", "Of what: a user, key, model …", main=True)
                self._filters.choice("action", "What", ACTIONS)
                self._filters.text("actor", "Who")
                self._filters.date("from", "From")
                self._filters.date("to", "To")
                self._filters.clear_button()
            self._list = Listing(
                desk,
                COLUMNS,
                self._ask,
                _shape,
                "No change matches. Without filters: nothing was changed yet.",
                self._open,
            )
        desk.keep(self._turn, 10, on=("user", "key", "config", "backend"))

    async def _turn(self) -> None:
        if self._list.at_the_top:
            await self._list.load()

    async def _changed(self) -> None:
        await self._list.restart()

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        said = self._filters.set
        times = {name: await self._desk.epoch(said[name]) for name in ("from", "to") if name in said}
        names: dict[str, Any] = {name: said.get(name) for name in ("action", "actor", "target")}
        return await self._desk.ask(
            lambda api: api.audit_events(
                limit=limit, cursor=cursor, from_=times.get("from"), to=times.get("to"), **names
            )
        )

    async def _open(self, row: Row) -> None:
        with opened(str(row["action"])) as dialog:
            pairs: list[tuple[str, Any]] = [
                ("Time", Moment(row["at"])),
                ("Who", str(row["actor"])),
                ("From", str(row["address"] or show.UNKNOWN)),
                ("Of", str(row["target"])),
            ]
            facts(pairs)
            show_differences(row["before"], row["after"])
            with actions():
                button("Close", lambda: dialog.submit(None))
        await settled(dialog)


def _shape(row: Row) -> Row:
    return {
        **{name: row[name] for name in ("id", "at", "actor", "action", "target")},
        "address": row["address"] or show.UNKNOWN,
        "action_tone": _tone(str(row["action"])),
        "changed": in_a_line(row["before"], row["after"]) or show.UNKNOWN,
    }


def _tone(action: str) -> str:
    verb = action.rpartition(".")[2]
    return "bad" if verb in ("revoke", "remove", "refund", "stop") else "ok" if verb in ("create", "mint") else "plain"
