"""Endpoints: every function with its routes, what is asked before it, its limits, and whether it serves."""

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import actions, button, facts, opened, settled
from ..parts.form import Form, Sure
from ..parts.listing import Column, Listing, Row

COLUMNS = (
    Column("name", "Function"),
    Column("routes", "Routes"),
    Column("access", "Who may call"),
    Column("models", "Models"),
    Column("limits", "Limits"),
    Column("state", "State", "badge"),
)
ACCESS = {"key": "users' keys", "admin": "the owner", "open": "anybody"}


def build(desk: Desk) -> None:
    """The page."""
    _Endpoints(desk)


class _Endpoints:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        hint = "Each function runs by itself: a broken one answers 503 on its own routes, and the rest serves."
        with card("Endpoints", hint):
            self._list = Listing(
                desk, COLUMNS, self._ask, _shape, "No endpoint is declared in gateway.yaml.", self._open
            )
        desk.keep(self._list.load, 10, on=("config", "endpoint"))

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        found = await self._desk.ask(lambda api: api.endpoints())
        return {**found, "data": sorted(found["data"], key=lambda row: row["state"] != "broken")}

    async def _open(self, row: Row) -> None:
        with opened(str(row["name"])) as dialog:
            if row["state"] == "broken":
                ui.label("It cannot be loaded, and its routes answer 503.").classes("sentence")
                ui.label(str(row.get("error") or "no reason was given")).classes("error-text")
            facts(
                [
                    ("Function", str(row["function"])),
                    ("Routes", "\n".join(map(str, row["routes"]))),
                    ("Who may call", ACCESS.get(row["access"], str(row["access"]))),
                    ("Models", _models(row)),
                    ("Limits", show.declared_limits(row["limits"])),
                ]
            )
            ui.label("Asked before it, in this order").classes("part")
            with ui.element("ol").classes("guards"):
                for guard in row["guards"]:
                    with ui.element("li"):
                        ui.label(str(guard)).classes("guard-name")
                        ui.label(str((row.get("guards_say") or {}).get(guard) or "")).classes("card-hint")
            with actions():
                button("Close", lambda: dialog.submit(None))
                button("Reload…", lambda: dialog.submit("reload"), "main")
        if await settled(dialog) == "reload":
            await self._reload(row)

    async def _reload(self, row: Row) -> None:
        words = (
            f"The files of {row['function']} are read anew, in every process. Running requests end by the old one; a "
            "function that serves goes on as it is where the new one cannot be loaded."
        )
        form, name = Form(self._desk, f"Reload {row['name']}?"), str(row["name"])
        found = await form.confirmed(lambda api: api.reload_endpoint(name), Sure(words, "Reload"))
        if found is not None:
            broken = found["state"] == "broken"
            said = (
                f"{row['name']} still cannot be loaded: {found['error']}"
                if broken
                else f"{row['name']} is loaded anew."
            )
            ui.notify(said, type="negative" if broken else "positive", multi_line=True)
        await self._desk.attempt(self._list.load)


def _models(row: Row) -> str:
    models = row["models"]
    if row["access"] == "admin":
        return "none: it is the owner's own"
    return "all that have the prices it needs" if models == "all" else ", ".join(map(str, models)) or "none"


def _shape(row: Row) -> Row:
    routes = [str(route) for route in row["routes"]]
    more = f" and {len(routes) - 1} more" if len(routes) > 1 else ""
    broken = row["state"] == "broken"
    return {
        "id": row["name"],
        "name": row["name"],
        "routes": (routes[0] if routes else show.UNKNOWN) + more,
        "routes_hint": "\n".join(routes),
        "access": ACCESS.get(row["access"], str(row["access"])),
        "models": show.UNKNOWN
        if row["access"] != "key"
        else "all"
        if row["models"] == "all"
        else show.count(len(row["models"])),
        "limits": show.declared_limits(row["limits"]),
        "limits_hint": show.declared_limits(row["limits"]),
        "state": row["state"],
        "state_tone": "bad" if broken else "ok",
        "state_hint": str(row.get("error") or ""),
    }
