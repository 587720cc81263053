"""What the owner changes of a user: balance, access, weight and limits. Each asks a second time before it is done."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from infra.client import AdminClient
from infra.units import money as read_money

from .. import show
from ..desk import Desk
from ..parts.field import amount_of
from ..parts.form import Form, Once, Sure, said, sure_of
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
    sure = Sure(words, verb, danger=not on, typed="" if on else name)
    await sure_of(desk, f"{verb} {name}?", lambda api: api.change_user(row["id"], active=on), sure, f"{verb}d.")


async def top_up(desk: Desk, row: Row) -> None:
    """Money comes in."""
    name, currency, once = str(row["username"]), desk.house.currency, Once()
    form = Form(desk, f"Top up {name}")
    with form.fields():
        amount = form.amount(f"Amount in {currency}")
        reason = form.text("Reason (for the ledger)")

    def added() -> str:
        return show.money(read_money(amount_of(amount)), currency)

    def sure() -> Sure:
        becomes = _becomes(row, read_money(amount_of(amount)), currency)
        return Sure(f"{added()} is added to {name}'s balance: {becomes}.", f"Add {added()}")

    async def add(api: AdminClient) -> Row:
        wish = (amount_of(amount), said(reason) or "")
        return await api.top_up(row["id"], wish[0], reason=wish[1], idempotency_key=once.key(*wish))

    if await form.sent(add, "Continue", sure=sure) is not None:
        ui.notify(f"{added()} added.", type="positive")


async def adjust(desk: Desk, row: Row) -> None:
    """Corrects the balance, up or down, with a reason; the name is typed."""
    name, currency, once = str(row["username"]), desk.house.currency, Once()
    form = Form(desk, f"Adjust {name}'s balance")
    with form.fields():
        amount = form.amount(f"Amount in {currency}", negative=True, taken=row["balance_nano"] - row["held_nano"])
        amount.props["hint"] = "With a minus, as in -0.50, it is taken away."
        reason = form.text("Reason", needed="Say why.")
        reason.props["hint"] = "It stands in the ledger and in the user's statement."

    def moved() -> tuple[int, str, str]:
        text = amount_of(amount)
        nano = -read_money(text[1:].strip()) if text.startswith("-") else read_money(text)
        return nano, show.money(abs(nano), currency), "taken from" if nano < 0 else "added to"

    def sure() -> Sure:
        nano, words, direction = moved()
        sentence = f"{words} is {direction} {name}'s balance: {_becomes(row, nano, currency)}."
        return Sure(sentence, "Adjust", danger=nano < 0, typed=name)

    async def change(api: AdminClient) -> Row:
        wish = (amount_of(amount), said(reason) or "")
        return await api.adjust(row["id"], wish[0], reason=wish[1], idempotency_key=once.key(*wish))

    if await form.sent(change, "Continue", sure=sure) is not None:
        _, words, direction = moved()
        ui.notify(f"{words} {direction} the balance.", type="positive")


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
