"""Live: what runs and what waits, second by second, and stopping one."""

from typing import Any
from urllib.parse import quote

from nicegui import events, ui

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import actions, button, facts, opened, settled
from ..parts.figure import Figure
from ..parts.form import Form, said
from ..parts.listing import Column, Listing, Row

COLUMNS = (
    Column("username", "User"),
    Column("model", "Model"),
    Column("backend", "Backend"),
    Column("stage", "Stage", "badge"),
    Column("age", "Age", "number"),
    Column("tokens", "Tokens in / out", "number"),
    Column("cost", "Cost so far", "number"),
    Column("place", "Place"),
)
STAGES = {
    "queued": ("in the queue", "warn"),
    "waiting": ("waits for the model", "plain"),
    "streaming": ("streaming", "run"),
}
SHOWN = 100
"""The oldest; a screen of more is not read, and a second is short."""


def build(desk: Desk) -> None:
    """The page."""
    _Live(desk)


class _Live:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._part = ""
        with ui.element("div").classes("stack"):
            with card("Right now"), ui.element("div").classes("figures"):
                self._running, self._queued = Figure("Running"), Figure("In the queue")
                self._cost, self._oldest = Figure("Cost so far"), Figure("Oldest")
            with card("Requests in flight", "Of every process, the oldest first. Open one to stop it."):
                with ui.element("div").classes("tools"):
                    search = ui.input(placeholder="User, model or backend", on_change=self._search)
                    search.props('outlined dense clearable debounce=200 aria-label="User, model or backend"')
                    search.classes("search")
                    self._more = ui.label().classes("card-hint")
                empty = "Nothing runs and nobody waits."
                self._list = Listing(desk, COLUMNS, self._ask, self._shape, empty, self._open)
        desk.keep(self._list.load, 1)

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        found: Row = await self._desk.shared("live", lambda api: api.live(), 0.8)  # one question for all open tabs
        rows, currency = list(found["data"]), self._desk.house.currency
        self._running.set(show.count(found["running"]))
        self._queued.set(show.count(found["queued"]), "nobody waits" if not found["queued"] else "")
        cost = sum(row["cost_nano"] or 0 for row in rows)
        self._cost.set(show.headline(cost, currency), exact=show.money(cost, currency))
        self._oldest.set(show.span(max((row["age_ms"] for row in rows), default=None)))
        wanted = [row for row in rows if self._part in _words(row)]
        left = len(wanted) - SHOWN
        self._more.set_text(f"and {show.counted(left, 'younger one')}" if left > 0 else "")
        return {"data": wanted[:SHOWN], "next": None}

    async def _search(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        self._part = str(event.value or "").strip().lower()
        await self._list.restart()

    def _shape(self, row: Row) -> Row:
        words, tone = STAGES.get(row["stage"], (str(row["stage"]), "plain"))
        tier = row.get("tier") or "default"
        return {
            "id": row["id"],
            "username": row["username"],
            "username_href": f"/users/{quote(str(row['user_id']), safe='')}",
            "model": row["model"] if tier == "default" else f"{row['model']} · {tier}",
            "backend": row["backend"] or show.UNKNOWN,
            "stage": words,
            "stage_tone": tone,
            "age": show.span(row["age_ms"] // 100 * 100),
            "tokens": f"{show.count(row['input_tokens'])} / {show.count(row['output_tokens'])}",
            "cost": show.money(row["cost_nano"], self._desk.house.currency),
            "place": _place(row),
        }

    async def _open(self, row: Row) -> None:
        with opened(str(row["id"])) as dialog:
            facts(
                [
                    ("User", str(row["username"])),
                    ("Key", f"{row['key_prefix']}…"),
                    ("Endpoint", str(row["endpoint"])),
                    ("Model", str(row["model"])),
                    ("Tier", str(row.get("tier") or "default")),
                    ("Backend", str(row["backend"] or "none yet")),
                    ("Kind", "streamed" if row["stream"] else "answered whole"),
                ]
            )
            with actions():
                button("Close", lambda: dialog.submit(None))
                button("Stop…", lambda: dialog.submit("stop"), "danger")
        if await settled(dialog) == "stop":
            await self._stop(row)

    async def _stop(self, row: Row) -> None:
        form = Form(self._desk, f"Stop the request of {row['username']}?")
        with form.fields():
            sentence = (
                f"{row['model']} ends now. {row['username']} pays for what was delivered until then and is told that "
                "the owner stopped it."
            )
            ui.label(sentence).classes("sentence")
            reason = form.text("Reason (may be empty)")
            reason.props["hint"] = "It is told to the caller."
        found: Any = await form.sent(lambda api: api.stop_live(row["id"], said(reason)), "Stop it", danger=True)
        if found is not None:
            charged = show.money(found["charged_nano"], self._desk.house.currency)
            ui.notify(
                f"Stopped after {show.counted(found['output_tokens'], 'token')}; {charged} is charged.", type="positive"
            )
        await self._desk.attempt(self._list.load)


def _words(row: Row) -> str:
    return " ".join(str(row[name] or "") for name in ("username", "model", "backend", "id")).lower()


def _place(row: Row) -> str:
    if row["stage"] != "queued" or row["place"] is None:
        return show.UNKNOWN
    eta = row["eta_seconds"]
    return show.count(row["place"]) + (f", about {eta:,.0f} s" if eta else "")
