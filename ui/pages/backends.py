"""Backends: who is up, how busy and how quick, what each serves, why not, and what happened to it."""

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import button
from ..parts.lights import Backends, standing, state_of
from ..parts.listing import Column, Listing, Row
from .backend_view import view_backend

COLUMNS = (
    Column("name", "Backend"),
    Column("slots", "Slots busy", "number"),
    Column("queued", "Waiting", "number"),
    Column("models", "Models it has"),
    Column("context", "Context", "number"),
    Column("speed", "Tokens/s", "number"),
    Column("errors", "Errors, last hour", "number"),
    Column("checked_at", "Looked at", "ago", "not yet"),
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
            with card("Backends", "Open one for its events, and to drain it."):
                empty = "No backend is declared in gateway.yaml."
                self._list = Listing(desk, COLUMNS, self._ask, _shape, empty, self._open)
        desk.keep(self._list.load, 3, on=("backend",))

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        found: Row = await self._desk.shared("backends", lambda api: api.backends(), 0.9)
        self._lights.set(list(found["data"]))
        return found

    async def _probe(self) -> None:
        await self._desk.act(lambda api: api.probe_backends(), "Every backend was asked.")
        await self._desk.attempt(self._list.load)

    async def _open(self, row: Row) -> None:
        await view_backend(self._desk, row)
        await self._desk.attempt(self._list.load)


def _shape(row: Row) -> Row:
    words, tone = state_of(row)
    models = [str(name) for name in row.get("models") or []]
    hour = row.get("last_hour") or {}
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    return {
        "id": row["name"],
        **{name: row.get(name) for name in ("name", "queued", "checked_at")},
        "name_more": " · ".join([str(row.get("adapter") or ""), *map(str, row.get("available") or [])]),
        "slots": f"{show.count(row['busy'])} / {show.count(row['slots'])}",
        "models": (", ".join(models[:3]) + more) or show.UNKNOWN,
        "models_hint": ", ".join(models),
        "context": show.count(row.get("context")),
        "speed": f"{hour['tokens_per_second']:,.1f}" if hour.get("tokens_per_second") else show.UNKNOWN,
        "speed_hint": "of one stream, in the last hour",
        "errors": show.count(hour.get("errors") or 0),
        "errors_more": f"of {show.counted(hour['requests'], 'request')}" if hour.get("requests") else "",
        "state": words,
        "state_tone": tone,
        "state_hint": str(row.get("why") or standing(row)),
    }
