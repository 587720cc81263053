"""One request, opened: what happened, what the error said, what the cost is made of, and giving it back."""

from urllib.parse import quote

from nicegui import ui

from .. import show
from ..desk import Desk
from ..house import Trouble
from ..parts.copy import copyable
from ..parts.dialog import Moment, actions, button, facts, opened, settled
from ..parts.listing import Row
from .refund import refund

BASIS = {
    "measured": "measured: the backend reported the tokens",
    "partial": "partial: counted up to where the answer was cut",
    "estimated": "estimated: the backend reported nothing, so that the pieces were counted",
    "recovered": "recovered: the gateway's process ended; this is its last checkpoint",
}


async def view_request(desk: Desk, request_id: str) -> None:
    """Shows it, and again after a refund."""
    while True:
        try:
            found = await desk.ask(lambda api: api.request(request_id))
        except Trouble as trouble:
            ui.notify(str(trouble), type="negative", timeout=10_000, close_button="Close", multi_line=True)
            return
        if not await _shown(desk, found):
            return
        await refund(desk, found)


async def _shown(desk: Desk, row: Row) -> bool:
    """The dialog; True when the viewer wants to refund."""
    left = row["charged_nano"] - (row.get("refunded_nano") or 0)
    with opened("Request") as dialog:
        copyable(str(row["id"]), "the request's id")
        facts(_facts(row))
        if row.get("error"):
            ui.label("Error").classes("part")
            ui.label(str(row["error"])).classes("error-text")
        _cost(desk, row)
        with actions():
            if row.get("user_id"):
                _link("User", f"/users/{quote(str(row['user_id']), safe='')}")
            if row["state"] == "SETTLED" and left > 0:
                button("Refund", lambda: dialog.submit("refund"), "danger")
            button("Close", lambda: dialog.submit(None))
    return bool(await settled(dialog) == "refund")


def _link(words: str, path: str) -> None:
    ui.link(words, path).classes("plain-button")


def _facts(row: Row) -> list[tuple[str, str | Moment]]:
    served = row.get("served_model")
    tier = str(row.get("tier") or "default")
    found: list[tuple[str, str | Moment]] = [
        ("Time", Moment(row["created_at"])),
        ("User", str(row["username"])),
        ("Key", str(row.get("key_name") or show.UNKNOWN)),
        ("Endpoint", str(row["endpoint"]) + (", streamed" if row.get("stream") else "")),
        ("Model", str(row["model"])),
        ("Backend", str(row.get("backend") or "none was asked")),
        ("Status", f"{status_words(row['status'], row.get('error_code'))} ({str(row['state']).lower()})"),
        ("Waited for a slot", show.span(row["waited_ms"])),
        ("First byte after", show.span(row["first_byte_ms"])),
        ("Took", show.span(row["duration_ms"])),
    ]
    if served and served != row["model"]:
        found.insert(5, ("Answered by", f"{served}, its fallback"))
    if tier != "default":
        found.append(("Tier", tier))
    return found


def _cost(desk: Desk, row: Row) -> None:
    currency = desk.house.currency
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
        if row.get("shortfall_nano"):
            ui.label("Beyond the balance, the owner's loss")
            ui.label(show.money(row["shortfall_nano"], currency)).classes("amount")
    for words in _how_counted(row):
        ui.label(words).classes("card-hint")


def _how_counted(row: Row) -> list[str]:
    factor = row.get("price_factor_ppm")
    return [
        *([BASIS.get(row["basis"], str(row["basis"]))] if row.get("basis") else []),
        *([f"by price version {row['price_id']}"] if row.get("price_id") else []),
        *([f"times {factor / 1_000_000:g} for the tier {row.get('tier')}"] if factor not in (None, 1_000_000) else []),
    ]


def status_words(status: int | None, code: str | None) -> str:
    """502 backend_error, 499 client left."""
    if status is None:
        return show.UNKNOWN
    if status == 499:
        return "499 client left"
    return f"{status} {code}" if code else str(status)


def status_tone(row: Row) -> str:
    """The colour of its badge: a client that left is no failure of ours."""
    if row["state"] in ("HELD", "STREAMING"):
        return "run"
    status = row["status"]
    return "warn" if status == 499 else "ok" if status is not None and status < 400 else "bad"
