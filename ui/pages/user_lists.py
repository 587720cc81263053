"""A user's ledger, keys and requests, each paged by the gateway."""

from urllib.parse import quote

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.listing import Column, Listing, Row
from .request_view import status_tone, status_words, view_request

KINDS = {"usage": "usage", "topup": "top-up", "refund": "refund", "adjustment": "adjustment"}


class UserLedger:
    """Every movement of the balance, with what was left after it."""

    def __init__(self, desk: Desk, user: str) -> None:
        self._desk, self._user = desk, user
        columns = (
            Column("created_at", "Time", "time"),
            Column("kind", "What", "badge"),
            Column("reason", "Reason"),
            Column("actor", "By"),
            Column("amount", "Amount", "number"),
            Column("balance", "Balance after", "number"),
        )
        empty = "No money has moved yet: top up to begin."
        self._list = Listing(desk, columns, self._ask, self._shape, empty, self._open)
        self.load = self._list.load

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        return await self._desk.ask(lambda api: api.ledger(user=self._user, limit=limit, cursor=cursor))

    def _shape(self, row: Row) -> Row:
        currency, amount = self._desk.house.currency, row["amount_nano"]
        return {
            **{name: row[name] for name in ("id", "created_at")},
            "kind": KINDS.get(row["kind"], str(row["kind"])),
            "kind_tone": "plain" if row["kind"] == "usage" else "ok" if amount > 0 else "warn",
            "reason": str(row["reason"] or show.UNKNOWN),
            "actor": str(row["actor"]),
            "amount": ("+" if amount > 0 else "") + show.money(amount, currency),
            "balance": show.money(row["balance_after_nano"], currency),
        }

    async def _open(self, row: Row) -> None:
        if row.get("request_id"):
            await view_request(self._desk, str(row["request_id"]))
            await self._desk.attempt(self.load)


class UserKeys:
    """The user's keys; they are changed on the page of all keys."""

    def __init__(self, desk: Desk, user: str) -> None:
        self._desk, self._user = desk, user
        columns = (
            Column("key_prefix", "Key"),
            Column("name", "Name"),
            Column("limits", "Limits"),
            Column("last_used_at", "Last used", "ago", "never"),
            Column("expires_at", "Expires", "time", "never"),
            Column("state", "State", "badge"),
        )
        self._list = Listing(desk, columns, self._ask, self._shape, "No key yet: make one with New key.", self._open)
        self.load = self._list.load

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        return await self._desk.ask(lambda api: api.keys(user=self._user, limit=limit, cursor=cursor))

    def _shape(self, row: Row) -> Row:
        state = str(row.get("state") or ("active" if row["active"] else "revoked"))
        return {
            **{name: row[name] for name in ("id", "name", "last_used_at", "expires_at")},
            "key_prefix": f"{row['key_prefix']}…",
            "limits": show.limits(row["limits"]),
            "state": state,
            "state_tone": "ok" if state == "active" else "bad" if state == "revoked" else "plain",
        }

    async def _open(self, row: Row) -> None:
        ui.navigate.to(f"/keys?q={quote(str(row['key_prefix']), safe='')}")


class UserRequests:
    """The user's requests, the latest first."""

    def __init__(self, desk: Desk, user: str) -> None:
        self._desk, self._user = desk, user
        columns = (
            Column("created_at", "Time", "time"),
            Column("model", "Model"),
            Column("tokens", "Tokens in / out", "number"),
            Column("charged", "Charged", "number"),
            Column("took", "Took", "number"),
            Column("status", "Status", "badge"),
        )
        with ui.element("div").classes("card-head"):
            ui.space()
            ui.link("Filter and export them", f"/requests?user={quote(user, safe='')}").classes("cell-link")
        self._list = Listing(desk, columns, self._ask, self._shape, "No request yet.", self._open)

    async def load(self) -> None:
        """The page in view, which grows only at the top; raises Trouble."""
        await self._list.load()

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        return await self._desk.ask(lambda api: api.requests(user=self._user, limit=limit, cursor=cursor))

    def _shape(self, row: Row) -> Row:
        status, running = row["status"], row["state"] in ("HELD", "STREAMING")
        return {
            **{name: row[name] for name in ("id", "created_at", "model")},
            "tokens": f"{show.count(row['input_tokens'])} / {show.count(row['output_tokens'])}",
            "charged": show.UNKNOWN if running else show.money(row["charged_nano"], self._desk.house.currency),
            "took": show.span(row["duration_ms"]),
            "status": "running" if running else status_words(status, row.get("error_code")),
            "status_tone": status_tone(row),
            "status_hint": str(row.get("error") or ""),
        }

    async def _open(self, row: Row) -> None:
        await view_request(self._desk, str(row["id"]))
        await self._desk.attempt(self._list.load)
