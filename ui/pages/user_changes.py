"""What the owner changes of a user: balance, access, weight and limits. Each asks a second time before it is done."""

import secrets
from collections.abc import Awaitable, Callable

from infra.units import money as read_money

from .. import show
from ..desk import Desk
from ..parts.dialog import actions, button, confirmed, opened, settled
from ..parts.field import amount_field, amount_of, field, on_enter, submit_if
from ..parts.form import Form, said
from ..parts.listing import Row

Done = Callable[[], Awaitable[None]]


async def switch(desk: Desk, row: Row) -> None:
    """Disables or enables; to disable, the name is typed."""
    name, on = str(row["username"]), not row["active"]
    words = (
        f"{name}'s keys work again at once."
        if on
        else f"Every key of {name} is refused from now on. Requests that are running finish."
    )
    verb = "Enable" if on else "Disable"
    if await confirmed(f"{verb} {name}?", words, verb, danger=not on, typed="" if on else name):
        await desk.act(lambda api: api.change_user(row["id"], active=on), f"{verb}d.")


async def top_up(desk: Desk, row: Row) -> None:
    """Money comes in."""
    name, currency, once = str(row["username"]), desk.house.currency, secrets.token_urlsafe(16)
    with opened(f"Top up {name}") as dialog:
        amount = amount_field(f"Amount in {currency}")
        reason = field("Reason (for the ledger)", "")
        on_enter(dialog, amount, reason)
        with actions():
            button("Cancel", lambda: dialog.submit(None))
            button("Continue", lambda: submit_if(dialog, amount), "main")
    if not await settled(dialog):
        return
    nano = read_money(amount_of(amount))
    sentence = f"{show.money(nano, currency)} is added to {name}'s balance: {_becomes(row, nano, currency)}."
    if await confirmed(f"Top up {name}?", sentence, f"Add {show.money(nano, currency)}"):
        await desk.act(
            lambda api: api.top_up(row["id"], amount_of(amount), reason=said(reason) or "", idempotency_key=once),
            f"{show.money(nano, currency)} added.",
        )


async def adjust(desk: Desk, row: Row) -> None:
    """Corrects the balance, up or down, with a reason; the name is typed."""
    name, currency, once = str(row["username"]), desk.house.currency, secrets.token_urlsafe(16)
    with opened(f"Adjust {name}'s balance") as dialog:
        free = row["balance_nano"] - row["held_nano"]
        amount = amount_field(f"Amount in {currency}", negative=True, taken=free)
        amount.props["hint"] = "With a minus, as in -0.50, it is taken away."
        reason = field("Reason", "", needed="Say why.")
        reason.props["hint"] = "It stands in the ledger and in the user's statement."
        on_enter(dialog, amount, reason)
        with actions():
            button("Cancel", lambda: dialog.submit(None))
            button("Continue", lambda: submit_if(dialog, amount, reason), "main")
    if not await settled(dialog):
        return
    text = amount_of(amount)
    nano = -read_money(text[1:].strip()) if text.startswith("-") else read_money(text)
    direction = "taken from" if nano < 0 else "added to"
    sentence = f"{show.money(abs(nano), currency)} is {direction} {name}'s balance: {_becomes(row, nano, currency)}."
    if await confirmed(f"Adjust {name}'s balance?", sentence, "Adjust", danger=nano < 0, typed=name):
        await desk.act(
            lambda api: api.adjust(row["id"], text, reason=said(reason) or "", idempotency_key=once),
            f"{show.money(abs(nano), currency)} {direction} the balance.",
        )


def _becomes(row: Row, nano: int, currency: str) -> str:
    before = row["balance_nano"]
    return f"{show.money(before, currency)} becomes {show.money(before + nano, currency)}"


async def change_terms(desk: Desk, row: Row) -> bool:
    """Weight and limits; stays open with the gateway's words where it refuses them."""
    form, limits = Form(desk, f"Weight and limits of {row['username']}"), row["limits"] or {}
    with form.fields():
        weight = form.text("Weight in the queue, 1 to 1,000", str(row["weight"]), needed="Type a number.")
        requests = form.text("Requests, as in 60/m (empty: no limit)", str(limits.get("requests") or ""))
        tokens = form.text("Tokens, as in 200K/m (empty: no limit)", str(limits.get("tokens") or ""))
        concurrent = form.text("At once, as in 8 (empty: no limit)", str(limits.get("concurrent") or ""))

    def wanted() -> Row:
        many = said(concurrent)
        return {
            "requests": said(requests),
            "tokens": said(tokens),
            "concurrent": int(many) if many and many.isdecimal() else many,
        }

    def number() -> int | str | None:
        text = said(weight) or ""
        return int(text) if text.isdecimal() else text

    return bool(
        await form.sent(
            lambda api: api.change_user(row["id"], weight=number(), limits=wanted()),  # type: ignore[arg-type]
            "Save",
        )
    )
