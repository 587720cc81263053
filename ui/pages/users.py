"""Users: find one, make one; a row leads to the user's own page."""

from urllib.parse import quote

from nicegui import ui

from infra.client import AdminClient
from infra.units import money as read_money

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import button
from ..parts.field import amount_of
from ..parts.filters import Filters
from ..parts.form import Form, Once, Sure, said
from ..parts.listing import Column, Listing, Row
from .key_form import mint

COLUMNS = (
    Column("username", "User", sort="name"),
    Column("balance", "Balance", "number", sort="balance"),
    Column("held", "Held", "number", sort="held"),
    Column("spent", "Spent, 30 days", "number", sort="spent"),
    Column("keys", "Keys", "number"),
    Column("last_used_at", "Last used", "ago", "never", sort="last_used"),
    Column("created_at", "Since", "ago", sort="created"),
    Column("state", "State", "badge"),
)


FIRST_SORT = "name"
SORTS = {column.sort for column in COLUMNS if column.sort}


def build(desk: Desk) -> None:
    """The page."""
    _Users(desk)


class _Users:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._filters = Filters(desk, self._changed)
        with card("Users"):
            with ui.element("div").classes("tools"):
                self._filters.text("q", "Search by name", main=True)
                ui.space()
                button("New user", self._create, "main")
            empty = "No user here yet: make the first one."
            self._list = Listing(desk, COLUMNS, self._ask, self._shape, empty, self._open, self._sort)
        said = desk.query.get("sort", "")
        self._order = said if said.removeprefix("-") in SORTS else FIRST_SORT
        self._list.mark_order(self._order)
        desk.keep(self._list.load, 10, on=("user",))

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        wanted = self._filters.set.get("q")
        found = await self._desk.ask(lambda api: api.users(q=wanted, limit=limit, cursor=cursor, sort=self._order))
        return {**found, "empty": f"No user's name has {wanted} in it."} if wanted else found

    async def _sort(self, by: str) -> None:
        """The largest, newest or first of a column on top; the other way round at the next click."""
        falling = f"-{by}"
        first = by if by == "name" else falling
        other = falling if first == by else by
        self._order = other if self._order == first else first
        self._list.mark_order(self._order)
        self._desk.remember({"sort": "" if self._order == FIRST_SORT else self._order})
        await self._list.restart()

    def _shape(self, row: Row) -> Row:
        currency = self._desk.house.currency
        return {
            **{name: row[name] for name in ("id", "username", "keys", "last_used_at", "created_at")},
            "username_href": user_path(row["id"]),
            "balance": show.money(row["balance_nano"], currency),
            "held": show.money(row["held_nano"], currency) if row["held_nano"] else show.UNKNOWN,
            "spent": show.money(row["spent_nano"], currency) if row["spent_nano"] else show.UNKNOWN,
            "state": "active" if row["active"] else "disabled",
            "state_tone": "ok" if row["active"] else "bad",
        }

    async def _changed(self) -> None:
        await self._list.restart()

    async def _open(self, row: Row) -> None:
        ui.navigate.to(user_path(row["id"]))

    async def _create(self) -> None:
        currency, form, once = self._desk.house.currency, Form(self._desk, "New user"), Once()
        with form.fields():
            name = form.text("Name", needed="Type a name.")
            amount = form.amount(f"First balance in {currency}", "0", zero=True)

        def sure() -> Sure:
            begins = f"{said(name)} begins with {show.money(read_money(amount_of(amount)), currency)}."
            return Sure(f"{begins} A key is made in the next step.", "Create")

        async def add(api: AdminClient) -> Row:
            wish = (said(name) or "", amount_of(amount))
            return await api.add_user(*wish, idempotency_key=once.key(*wish))

        if await form.sent(add, "Continue", sure=sure) is not None:
            ui.notify(f"{said(name)} is there.", type="positive")
            await mint(self._desk, said(name) or "")
        await self._desk.attempt(self._list.load)


def user_path(name_or_id: object) -> str:
    """The page of one user."""
    return f"/users/{quote(str(name_or_id), safe='')}"
