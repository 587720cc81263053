"""Keys: create (shown once), look at, change, rotate, revoke."""

from typing import Any
from urllib.parse import quote

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import Moment, actions, button, facts, opened, settled, show_secret
from ..parts.filters import Filters
from ..parts.form import Form, Sure, sure_of
from ..parts.listing import Column, Listing, Row
from .key_form import KeyFields, mint

COLUMNS = (
    Column("name", "Key"),
    Column("username", "User"),
    Column("limits", "Limits"),
    Column("last_used_at", "Last used", "time", "never"),
    Column("expires_at", "Expires", "time", "never"),
    Column("state", "State", "badge"),
)
STATES = {
    "active": ("active", "ok"),
    "off": ("switched off", "warn"),
    "replaced": ("replaced", "plain"),
    "revoked": ("revoked", "bad"),
    "expired": ("expired", "plain"),
}
ALL = "any"
SHOWN = {**{state: words for state, (words, _) in STATES.items()}, ALL: "all of them"}
GRACES = {"0s": "ends at once", "10m": "works for 10 more minutes", "1h": "works for 1 more hour",
          "24h": "works for 1 more day", "7d": "works for 7 more days"}  # fmt: skip
__all__ = ["build", "mint"]


def build(desk: Desk) -> None:
    """The page."""
    _Keys(desk)


class _Keys:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._filters = Filters(desk, self._changed)
        with card("Keys"):
            with ui.element("div").classes("tools"):
                self._filters.text("q", "Search by key, name or user", main=True)
                # At first those that work: what is revoked or over would fill the list in time.
                self._filters.choice("state", "State", SHOWN, first="active")
                ui.space()
                button("New key", self._create, "main")
            empty = "No such key here. A key lets a user's programs in: make one with New key."
            self._list = Listing(desk, COLUMNS, self._ask, _shape, empty, self._open)
        desk.keep(self._list.load, 10, on=("key",))

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        wanted = dict(self._filters.set)
        if wanted.get("state") == ALL:
            del wanted["state"]
        return await self._desk.ask(lambda api: api.keys(limit=limit, cursor=cursor, **wanted))

    async def _changed(self) -> None:
        await self._list.restart()

    async def _create(self) -> None:
        await mint(self._desk, "")
        await self._desk.attempt(self._list.load)

    async def _open(self, row: Row) -> None:
        with opened(str(row["key_prefix"]) + "…") as dialog:
            facts(_facts(row))
            with actions():
                if _state(row) in ("active", "off"):
                    button("Revoke", lambda: dialog.submit("revoke"), "danger")
                    button("Switch off" if row["active"] else "Switch on", lambda: dialog.submit("switch"))
                    button("Change", lambda: dialog.submit("change"))
                if row["active"] and not row.get("replaced_by"):
                    button("Rotate", lambda: dialog.submit("rotate"), "main")
        doing = {"revoke": self._revoke, "switch": self._switch, "change": self._change, "rotate": self._rotate}
        chosen = await settled(dialog)
        if chosen in doing:
            await doing[chosen](row)
            await self._desk.attempt(self._list.load)

    async def _revoke(self, row: Row) -> None:
        words = f"{_named(row)} is refused from now on. This cannot be undone."
        await sure_of(
            self._desk,
            "Revoke this key?",
            lambda api: api.revoke_key(row["id"]),
            Sure(words, "Revoke", danger=True),
            "The key is revoked.",
        )

    async def _switch(self, row: Row) -> None:
        on = not row["active"]
        words = (
            f"{_named(row)} works again at once." if on else f"{_named(row)} is refused until you switch it on again."
        )
        verb = "Switch on" if on else "Switch off"
        await sure_of(
            self._desk,
            f"{verb} this key?",
            lambda api: api.change_key(row["id"], active=on),
            Sure(words, verb, danger=not on),
            f"The key is {'on' if on else 'off'}.",
        )

    async def _change(self, row: Row) -> None:
        form = Form(self._desk, f"Change {row['key_prefix']}…")
        fields = await KeyFields.of(self._desk, form, row)
        if await form.sent(lambda api: api.change_key(row["id"], **fields.changes()), "Save"):
            ui.notify("The key is changed.", type="positive")

    async def _rotate(self, row: Row) -> None:
        form = Form(self._desk, f"Rotate {row['key_prefix']}…")
        with form.fields():
            ui.label(f"{row['username']} gets a new key with the same name, limits and models.").classes("sentence")
            grace = ui.select(GRACES, value="1h", label="The old key").props("outlined dense").classes("wide")
        made: Any = await form.sent(lambda api: api.rotate_key(row["id"], str(grace.value)), "Rotate")
        if made:
            words = f"This is {row['username']}'s new key. Copy it now: it is not stored and cannot be shown again."
            await show_secret("New key", words, str(made["key"]))


def _named(row: Row) -> str:
    return f"{row['key_prefix']}… ({row['name']}, of {row['username']})"


def _state(row: Row) -> str:
    return str(row.get("state") or ("active" if row["active"] else "revoked"))


def _facts(row: Row) -> list[tuple[str, str | Moment]]:
    return [
        ("Name", str(row["name"])),
        ("User", str(row["username"])),
        ("State", STATES.get(_state(row), (_state(row), ""))[0]),
        ("Whose", "the owner's own: goes before paying users" if row["owner"] else "a user's"),
        ("Limits", show.limits(row["limits"])),
        ("Models", ", ".join(row["models"]) if row["models"] else "all"),
        ("Last used", Moment(row["last_used_at"], "never")),
        ("Expires", Moment(row["expires_at"], "never")),
        ("Created", Moment(row["created_at"])),
        *([("Replaced by", f"sk-{row['replaced_by']}…")] if row.get("replaced_by") else []),
    ]


def _shape(row: Row) -> Row:
    words, tone = STATES.get(_state(row), (_state(row), "plain"))
    models = [show.counted(len(row["models"]), "model") + " only"] if row["models"] else []
    return {
        **{name: row[name] for name in ("id", "username", "last_used_at", "expires_at")},
        "username_href": f"/users/{quote(str(row['user_id']), safe='')}",
        "name_more": f"{row['key_prefix']}…",
        "name": f"{row['name']} · owner" if row["owner"] else row["name"],
        "limits": " · ".join([show.limits(row["limits"]), *models]),
        "state": words,
        "state_tone": tone,
    }
