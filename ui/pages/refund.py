"""Giving a request's charge back, whole or in part: how much and why, a second look, and what came of it."""

from nicegui import ui

from infra.client import AdminClient
from infra.units import money as read_money
from infra.units import show_money

from .. import show
from ..desk import Desk
from ..parts.dialog import actions, button, facts, opened, settled
from ..parts.field import amount_of
from ..parts.form import Form, Once, Sure, said
from ..parts.listing import Row


async def refund(desk: Desk, row: Row) -> None:
    """Asks, confirms, gives back, and shows the entry; the money moves once however often it is sent."""
    currency, form, once = desk.house.currency, Form(desk, "Refund"), Once()
    left = row["charged_nano"] - (row.get("refunded_nano") or 0)
    with form.fields():
        ui.label(f"{show.money(left, currency)} of this request can be given back.").classes("sentence")
        amount = form.amount(f"Amount in {currency}", show_money(left), most=left)
        reason = form.text("Reason", needed="Say why.")
        reason.props["hint"] = "It stands in the ledger and in the user's statement."

    def sure() -> Sure:
        nano = read_money(amount_of(amount))
        part = (
            "everything that is left" if nano == left else f"a part of the {show.money(left, currency)} that are left"
        )
        sentence = f"{row['username']} gets {show.money(nano, currency)} back, {part} of this request's charge."
        return Sure(sentence, f"Refund {show.money(nano, currency)}", danger=True, typed="refund")

    async def give(api: AdminClient) -> Row:
        wish = (amount_of(amount), said(reason) or "")
        return await api.refund(str(row["id"]), wish[0], reason=wish[1], idempotency_key=once.key(*wish))

    done = await form.sent(give, "Continue", sure=sure)
    if done is not None:
        ui.notify(f"{show.money(read_money(amount_of(amount)), currency)} refunded.", type="positive")
        await _result(done, currency)


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
