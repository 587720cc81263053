"""Giving a request's charge back, whole or in part: how much and why, a second look, and what came of it."""

import secrets

from nicegui import ui

from infra.units import money as read_money
from infra.units import show_money

from .. import show
from ..desk import Desk
from ..parts.dialog import actions, button, confirmed, facts, opened, settled
from ..parts.field import amount_field, amount_of, field, on_enter, submit_if
from ..parts.listing import Row


async def refund(desk: Desk, row: Row) -> None:
    """Asks, confirms, gives back, and shows the entry; the money moves once however often it is sent."""
    once, currency = secrets.token_urlsafe(16), desk.house.currency
    left = row["charged_nano"] - (row.get("refunded_nano") or 0)
    asked = await _asked(row, left, currency)
    if asked is None:
        return
    amount, reason = asked
    nano = read_money(amount)
    part = "everything that is left" if nano == left else f"a part of the {show.money(left, currency)} that are left"
    sentence = f"{row['username']} gets {show.money(nano, currency)} back, {part} of this request's charge."
    if not await confirmed("Refund?", sentence, f"Refund {show.money(nano, currency)}", danger=True, typed="refund"):
        return
    done = await desk.act(
        lambda api: api.refund(str(row["id"]), amount, reason=reason, idempotency_key=once),
        f"{show.money(nano, currency)} refunded.",
    )
    if done is not None:
        await _result(done, currency)


async def _asked(row: Row, left: int, currency: str) -> tuple[str, str] | None:
    """(amount, reason), None when the viewer gave it up."""
    with opened("Refund") as dialog:
        ui.label(f"{show.money(left, currency)} of this request can be given back.").classes("sentence")
        amount = amount_field(f"Amount in {currency}", show_money(left), most=left)
        reason = field("Reason", "", needed="Say why.")
        reason.props["hint"] = "It stands in the ledger and in the user's statement."
        on_enter(dialog, amount, reason)
        with actions():
            button("Cancel", lambda: dialog.submit(None))
            button("Continue", lambda: submit_if(dialog, amount, reason), "main")
    if not await settled(dialog):
        return None
    return amount_of(amount), str(reason.value).strip()


async def _result(done: Row, currency: str) -> None:
    with opened("Refunded") as dialog:
        facts(
            [
                ("User", str(done["username"])),
                ("Amount", show.money(done["amount_nano"], currency)),
                ("Balance now", show.money(done["balance_nano"], currency)),
                ("Ledger entry", str(done["entry_id"])),
            ]
        )
        with actions():
            button("Done", lambda: dialog.submit(None), "main")
    await settled(dialog)
