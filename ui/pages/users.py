"""Users: find one, make one, top up, disable.

Money and access change only after a second click that says what happens.
"""

import secrets

from nicegui import events, ui

from infra.units import money as read_money

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import Moment, actions, button, confirmed, facts, opened, settled
from ..parts.field import amount_field, amount_of, field, on_enter, submit_if
from ..parts.listing import Column, Listing, Row
from .keys import mint

COLUMNS = (
    Column("username", "User"),
    Column("balance", "Balance", "number"),
    Column("held", "Held", "number"),
    Column("keys", "Keys", "number"),
    Column("weight", "Weight", "number"),
    Column("created_at", "Since", "time"),
    Column("state", "State", "badge"),
)


def build(desk: Desk) -> None:
    """The page."""
    _Users(desk)


class _Users:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wanted = ""
        with card("Users"):
            with ui.element("div").classes("tools"):
                search = ui.input(placeholder="Search by name", on_change=self._search)
                search.props('outlined dense clearable debounce=300 aria-label="Search by name"').classes("search")
                ui.space()
                button("New user", self._create, "main")
            self._list = Listing(
                desk, COLUMNS, self._ask, self._shape, "No user here yet: make the first one.", self._open
            )
        desk.keep(self._list.load, 10, on=("user",))

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        return await self._desk.ask(lambda api: api.users(q=self._wanted or None, limit=limit, cursor=cursor))

    def _shape(self, row: Row) -> Row:
        currency = self._desk.house.currency
        return {
            **{name: row[name] for name in ("id", "username", "keys", "weight", "created_at")},
            "balance": show.money(row["balance_nano"], currency),
            "held": show.money(row["held_nano"], currency),
            "state": "active" if row["active"] else "disabled",
            "state_tone": "ok" if row["active"] else "bad",
        }

    async def _search(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        self._wanted = str(event.value or "").strip()
        await self._list.restart()

    async def _open(self, row: Row) -> None:
        currency, name = self._desk.house.currency, str(row["username"])
        with opened(name) as dialog:
            facts(
                [
                    ("Balance", show.money(row["balance_nano"], currency)),
                    ("Held now", show.money(row["held_nano"], currency)),
                    ("State", "active" if row["active"] else "disabled: every key of this user is refused"),
                    ("Keys", show.count(row["keys"])),
                    ("Weight in the queue", show.count(row["weight"])),
                    ("Limits", show.limits(row["limits"])),
                    ("Since", Moment(row["created_at"])),
                    ("Id", str(row["id"])),
                ]
            )
            with actions():
                button("Disable" if row["active"] else "Enable", lambda: dialog.submit("switch"))
                button("New key", lambda: dialog.submit("key"))
                button("Top up", lambda: dialog.submit("top up"), "main")
        chosen = await settled(dialog)
        if chosen == "switch":
            await self._switch(row)
        elif chosen == "key":
            await mint(self._desk, name)
        elif chosen == "top up":
            await self._top_up(row)
        await self._desk.attempt(self._list.load)

    async def _switch(self, row: Row) -> None:
        name, on = str(row["username"]), not row["active"]
        words = (
            f"{name}'s keys work again at once."
            if on
            else f"Every key of {name} is refused from now on. Requests that are running finish."
        )
        if await confirmed(f"{'Enable' if on else 'Disable'} {name}?", words, "Enable" if on else "Disable", not on):
            await self._desk.act(
                lambda api: api.change_user(row["id"], active=on), f"{'Enabled' if on else 'Disabled'}."
            )

    async def _top_up(self, row: Row) -> None:
        name, currency, once = str(row["username"]), self._desk.house.currency, secrets.token_urlsafe(16)
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
        sentence = (
            f"{show.money(nano, currency)} is added to {name}'s balance: {show.money(row['balance_nano'], currency)} "
            f"becomes {show.money(row['balance_nano'] + nano, currency)}."
        )
        if await confirmed(f"Top up {name}?", sentence, f"Add {show.money(nano, currency)}"):
            await self._desk.act(
                lambda api: api.top_up(
                    row["id"], amount_of(amount), reason=str(reason.value or ""), idempotency_key=once
                ),
                f"{show.money(nano, currency)} added.",
            )

    async def _create(self) -> None:
        currency = self._desk.house.currency
        once = secrets.token_urlsafe(16)
        with opened("New user") as dialog:
            name = field("Name", "", needed="Type a name.")
            amount = amount_field(f"First balance in {currency}", "0", zero=True)
            on_enter(dialog, name, amount)
            with actions():
                button("Cancel", lambda: dialog.submit(None))
                button("Continue", lambda: submit_if(dialog, name, amount), "main")
        if not await settled(dialog):
            return
        wanted, balance = str(name.value).strip(), amount_of(amount)
        sentence = f"{wanted} begins with {show.money(read_money(balance), currency)}. A key is made in the next step."
        if not await confirmed(f"Create {wanted}?", sentence, "Create"):
            return
        made = await self._desk.act(
            lambda api: api.add_user(wanted, balance, idempotency_key=once), f"{wanted} is there."
        )
        if made is not None:
            await mint(self._desk, wanted)
        await self._desk.attempt(self._list.load)
