"""Requests: the latest first; a row opens to the full error and to what the cost is made of."""

from nicegui import events, ui

from .. import show
from ..desk import Desk
from ..house import Trouble
from ..parts.card import card
from ..parts.dialog import Moment, actions, button, facts, opened, settled
from ..parts.listing import Column, Listing, Row

COLUMNS = (
    Column("created_at", "Time", "time"),
    Column("username", "User"),
    Column("model", "Model"),
    Column("tokens", "Tokens in / out", "number"),
    Column("charged", "Charged", "number"),
    Column("took", "Took", "number"),
    Column("status", "Status", "badge"),
)
FILTERS = {"": "All", "SETTLED": "Settled", "VOID": "Void", "STREAMING": "Streaming", "HELD": "Held"}
_BASIS = {
    "measured": "measured: the backend reported the tokens",
    "partial": "partial: counted up to where the stream was cut",
    "estimated": "estimated: the backend reported nothing",
}


def build(desk: Desk) -> None:
    """The page."""
    _Requests(desk)


class _Requests:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._user, self._state = "", ""
        with card("Requests"):
            with ui.element("div").classes("tools"):
                search = ui.input(placeholder="Requests of a user", on_change=self._by_user)
                search.props('outlined dense clearable debounce=400 aria-label="Requests of a user"').classes("search")
                states = ui.select(FILTERS, value="", on_change=self._by_state)
                states.props('outlined dense aria-label="State"').classes("choice")
            self._list = Listing(desk, COLUMNS, self._ask, self._shape, "No request here yet.", self._open)
        desk.keep(self._list.load, 5, on=("request.",))

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        return await self._desk.ask(
            lambda api: api.requests(limit=limit, cursor=cursor, user=self._user or None, state=self._state or None)
        )

    async def _by_user(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        self._user = str(event.value or "").strip()
        await self._list.restart()

    async def _by_state(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        self._state = str(event.value or "")
        await self._list.restart()

    def _shape(self, row: Row) -> Row:
        status, running = row["status"], row["state"] in ("HELD", "STREAMING")
        return {
            **{name: row[name] for name in ("id", "created_at", "username", "model")},
            "tokens": f"{show.count(row['input_tokens'])} / {show.count(row['output_tokens'])}",
            "charged": show.UNKNOWN if running else show.money(row["charged_nano"], self._desk.house.currency),
            "took": show.span(row["duration_ms"]),
            "status": "running" if running else _words(status, row.get("error_code")),
            "status_tone": "run" if running else "ok" if status is not None and status < 400 else "bad",
            "status_hint": str(row.get("error") or ""),
        }

    async def _open(self, row: Row) -> None:
        try:
            found = await self._desk.ask(lambda api: api.request(row["id"]))
        except Trouble as trouble:
            ui.notify(str(trouble), type="negative")
            return
        with opened(str(found["id"])) as dialog:
            facts(self._facts(found))
            if found.get("error"):
                ui.label("Error").classes("part")
                ui.label(str(found["error"])).classes("error-text")
            self._cost(found)
            with actions():
                button("Close", lambda: dialog.submit(None))
        await settled(dialog)

    def _facts(self, row: Row) -> list[tuple[str, str | Moment]]:
        return [
            ("Time", Moment(row["created_at"])),
            ("User", str(row["username"])),
            ("Key", str(row.get("key_name") or show.UNKNOWN)),
            ("Endpoint", str(row["endpoint"])),
            ("Model", str(row["model"])),
            ("Backend", str(row.get("backend") or "none was asked")),
            ("State", str(row["state"]).lower()),
            ("Status", _words(row["status"], row.get("error_code"))),
            ("Waited for a slot", show.span(row["waited_ms"])),
            ("First byte after", show.span(row["first_byte_ms"])),
            ("Took", show.span(row["duration_ms"])),
        ]

    def _cost(self, row: Row) -> None:
        currency = self._desk.house.currency
        ui.label("Cost").classes("part")
        with ui.element("div").classes("bill"):
            for line in row.get("cost") or []:
                ui.label(f"{show.count(line['units'])} {line['meter']} × {line['price']}")
                ui.label(show.money(line["amount_nano"], currency)).classes("amount")
            ui.label("Charged").classes("sum")
            ui.label(show.money(row["charged_nano"], currency)).classes("amount sum")
            if row.get("refunded_nano"):
                ui.label("Refunded")
                ui.label(show.money(-row["refunded_nano"], currency)).classes("amount")
        if row.get("basis"):
            ui.label(_BASIS.get(row["basis"], str(row["basis"]))).classes("card-hint")


def _words(status: int | None, code: str | None) -> str:
    if status is None:
        return show.UNKNOWN
    if status == 499:
        return "499 client left"
    return f"{status} {code}" if code else str(status)
