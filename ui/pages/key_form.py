"""What is asked of a new key and of one that changes."""

from typing import Any, Self

from nicegui import ui

from ..desk import Desk
from ..house import Trouble
from ..parts.dialog import show_secret
from ..parts.form import Form, choice, said, switch
from ..parts.listing import Row

NO_LIMITS: Row = {"requests": None, "tokens": None, "concurrent": None}


class KeyFields:
    """The fields of `form`, filled with what `key` has now."""

    def __init__(self, form: Form, key: Row, models: list[str]) -> None:
        limits = {**NO_LIMITS, **(key.get("limits") or {})}
        self._known = bool(key.get("id"))
        with form.fields():
            self._name = form.text("Name of the key", str(key.get("name") or "default"), needed="Type a name.")
            with ui.element("div").classes("three-fields"):
                self._requests = form.text("Requests, as 60/m", limits["requests"] or "")
                self._tokens = form.text("Tokens, as 200K/m", limits["tokens"] or "")
                self._concurrent = form.text("At once, as 8", str(limits["concurrent"] or ""))
            ui.label("Empty: no limit of the key's own.").classes("card-hint")
            own = key.get("models") or []
            self._models = choice("Models (none chosen: all)", [*models, *(set(own) - set(models))], own, many=True)
            label = "New expiry, as 90d (empty: stays)" if self._known else "Expires after, as 90d (empty: never)"
            self._expires = form.text(label)
            self._never = switch("Never expires") if key.get("expires_at") else None
            hint = "Its requests go before those of paying users. For yourself."
            self._owner = switch("Owner's key", bool(key.get("owner")), hint)

    @classmethod
    async def of(cls, desk: Desk, form: Form, key: Row) -> Self:
        """With the models that are on sale; without them where the gateway does not answer."""
        try:
            models = [str(row["id"]) for row in (await desk.ask(lambda api: api.models()))["data"]]
        except Trouble:
            models = []
        return cls(form, key, models)

    def _limits(self) -> Row:
        concurrent = said(self._concurrent)
        as_number: int | str | None = int(concurrent) if concurrent and concurrent.isdecimal() else concurrent
        return {"requests": said(self._requests), "tokens": said(self._tokens), "concurrent": as_number}

    def minted(self) -> dict[str, Any]:
        """For a new key."""
        return {
            "name": said(self._name),
            "limits": self._limits(),
            "models": list(self._models.value or []) or None,
            "expires": said(self._expires),
            "owner": bool(self._owner.value) or None,
        }

    def changes(self) -> dict[str, Any]:
        """For a key that is there: the expiry only where it was touched."""
        found = {**self.minted(), "owner": bool(self._owner.value)}
        if not found["expires"] and not (self._never and self._never.value):
            del found["expires"]
        return found


async def mint(desk: Desk, username: str) -> None:
    """Asks for what a new key needs, makes it, shows it once."""
    form = Form(desk, "New key")
    with form.fields():
        user = form.text("User", username, needed="Type the user's name.")
    fields = await KeyFields.of(desk, form, {"limits": {"requests": "60/m"}})
    made = await form.sent(lambda api: api.add_key(str(user.value).strip(), **fields.minted()), "Create key")
    if made is not None:
        words = f"This is {made['username']}'s new key. Copy it now: it is not stored and cannot be shown again."
        await show_secret("New key", words, str(made["key"]))
