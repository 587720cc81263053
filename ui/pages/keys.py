"""Keys: create (shown once), look at, revoke."""

from nicegui import events, ui

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import Moment, actions, button, confirmed, facts, opened, settled, show_secret
from ..parts.field import field, on_enter, submit_if
from ..parts.listing import Column, Listing, Row

COLUMNS = (
    Column("key_prefix", "Key"),
    Column("name", "Name"),
    Column("username", "User"),
    Column("limits", "Limits"),
    Column("last_used_at", "Last used", "time", "never"),
    Column("expires_at", "Expires", "time", "never"),
    Column("state", "State", "badge"),
)


def build(desk: Desk) -> None:
    """The page."""
    _Keys(desk)


class _Keys:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._user = ""
        with card("Keys"):
            with ui.element("div").classes("tools"):
                search = ui.input(placeholder="Keys of a user", on_change=self._search)
                search.props('outlined dense clearable debounce=400 aria-label="Keys of a user"').classes("search")
                ui.space()
                button("New key", self._create, "main")
            self._list = Listing(desk, COLUMNS, self._ask, _shape, "No key here.", self._open)
        desk.keep(self._list.load, 10)

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        return await self._desk.ask(lambda api: api.keys(user=self._user or None, limit=limit, cursor=cursor))

    async def _search(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        self._user = str(event.value or "").strip()
        await self._list.restart()

    async def _create(self) -> None:
        await mint(self._desk, self._user)
        await self._desk.attempt(self._list.load)

    async def _open(self, row: Row) -> None:
        with opened(str(row["key_prefix"]) + "…") as dialog:
            facts(
                [
                    ("Name", str(row["name"])),
                    ("User", str(row["username"])),
                    ("State", _state(row)),
                    ("Limits", show.limits(row["limits"])),
                    ("Models", ", ".join(row["models"]) if row["models"] else "all"),
                    ("Last used", Moment(row["last_used_at"], "never")),
                    ("Expires", Moment(row["expires_at"], "never")),
                    ("Created", Moment(row["created_at"])),
                ]
            )
            with actions():
                if row["active"]:
                    button("Revoke", lambda: dialog.submit("revoke"), "danger")
                button("Close", lambda: dialog.submit(None))
        if await settled(dialog) == "revoke":
            await self._revoke(row)

    async def _revoke(self, row: Row) -> None:
        words = (
            f"{row['key_prefix']}… ({row['name']}, of {row['username']}) is refused from now on. This cannot be undone."
        )
        if await confirmed("Revoke this key?", words, "Revoke", danger=True):
            await self._desk.act(lambda api: api.revoke_key(row["id"]), "The key is revoked.")
        await self._desk.attempt(self._list.load)


async def mint(desk: Desk, username: str) -> None:
    """Asks for what a new key needs, makes it, shows it once."""
    with opened("New key") as dialog:
        user = field("User", username, needed="Type the user's name.")
        name = field("Name of the key", "default", needed="Type a name.")
        rate = field("Requests, as in 60/m (empty: no limit of its own)", "60/m")
        expires = field("Expires after, as in 90d (empty: never)", "")
        on_enter(dialog, user, name, rate, expires)
        with actions():
            button("Cancel", lambda: dialog.submit(None))
            button("Create key", lambda: submit_if(dialog, user, name), "main")
    if not await settled(dialog):
        return
    said = [str(part.value or "").strip() for part in (user, name, rate, expires)]
    made = await desk.act(
        lambda api: api.add_key(said[0], name=said[1], rate_limit=said[2] or None, expires=said[3] or None),
        "The key is made.",
    )
    if made is not None:
        words = f"This is {said[0]}'s new key. Copy it now: it is not stored and cannot be shown again."
        await show_secret("New key", words, str(made["key"]))


def _state(row: Row) -> str:
    return "active" if row["active"] else "replaced" if row.get("replaced_by") else "revoked"


def _shape(row: Row) -> Row:
    return {
        **{name: row[name] for name in ("id", "name", "username", "last_used_at", "expires_at")},
        "key_prefix": f"{row['key_prefix']}…",
        "limits": show.limits(row["limits"]),
        "state": _state(row),
        "state_tone": "ok" if row["active"] else "bad",
    }
