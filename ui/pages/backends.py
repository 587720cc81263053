"""Backends: who is up, how busy, since when it was looked at, and why not."""

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import Moment, actions, button, facts, opened, settled
from ..parts.lights import Backends
from ..parts.listing import Column, Listing, Row

COLUMNS = (
    Column("name", "Backend"),
    Column("adapter", "Adapter"),
    Column("slots", "Slots busy", "number"),
    Column("queued", "Waiting", "number"),
    Column("models", "Models it serves"),
    Column("checked_at", "Looked at", "time", "not yet"),
    Column("state", "State", "badge"),
)


def build(desk: Desk) -> None:
    """The page."""
    _Backends(desk)


class _Backends:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        with ui.element("div").classes("stack"):
            with ui.element("section").classes("card"):
                with ui.element("div").classes("card-head"):  # above what grows, so that it does not move away
                    ui.label("Slots").classes("card-title")
                    ui.space()
                    button("Look again now", self._probe)
                ui.label("Each light is a slot; lit ones are working.").classes("card-hint")
                self._lights = Backends()
            with card("Backends"):
                empty = "No backend is declared in gateway.yaml."
                self._list = Listing(desk, COLUMNS, self._ask, _shape, empty, self._open)
        desk.keep(self._list.load, 4)

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        found: Row = await self._desk.ask(lambda api: api.backends())
        self._lights.set(list(found["data"]))
        return found

    async def _probe(self) -> None:
        await self._desk.act(lambda api: api.probe_backends(), "Every backend was asked.")
        await self._desk.attempt(self._list.load)

    async def _open(self, row: Row) -> None:
        with opened(str(row["name"])) as dialog:
            facts(
                [
                    ("State", _state(row)),
                    ("Why", str(row.get("why") or show.UNKNOWN)),
                    ("Last error", str(row.get("last_error") or "none")),
                    ("Adapter", str(row.get("adapter") or show.UNKNOWN)),
                    ("Slots", f"{show.count(row['busy'])} of {show.count(row['slots'])} busy"),
                    ("Waiting", show.count(row["queued"])),
                    ("Models it serves", ", ".join(map(str, row.get("models") or [])) or "none that is known"),
                    ("Looked at", Moment(row.get("checked_at"), "not yet")),
                ]
            )
            with actions():
                button("Close", lambda: dialog.submit(None))
        await settled(dialog)


def _state(row: Row) -> str:
    return "not checked yet" if row["up"] is None else "up" if row["up"] else "down"


def _shape(row: Row) -> Row:
    return {
        "id": row["name"],
        **{name: row.get(name) for name in ("name", "adapter", "queued", "checked_at")},
        "slots": f"{show.count(row['busy'])} / {show.count(row['slots'])}",
        "models": ", ".join(map(str, row.get("models") or [])) or show.UNKNOWN,
        "state": _state(row),
        "state_tone": "run" if row["up"] is None else "ok" if row["up"] else "bad",
        "state_hint": str(row.get("why") or ""),
    }
