"""Requests: the log, filtered and paged by the gateway; a row opens to its error, its bill and the refund."""

import re
import time
from typing import Any
from urllib.parse import quote

from nicegui import ui

from .. import show
from ..desk import Desk
from ..house import Refused
from ..parts.card import card
from ..parts.dialog import button
from ..parts.filters import Filters
from ..parts.listing import Column, Listing, Row
from .export import export_dialog
from .request_view import status_tone, status_words, view_request

COLUMNS = (
    Column("created_at", "Time", "time"),
    Column("username", "User"),
    Column("model", "Model"),
    Column("tokens", "Tokens in / out", "number"),
    Column("charged", "Charged", "number"),
    Column("took", "Took", "number"),
    Column("status", "Status", "badge"),
)
SINCE = {"": "All time", "3600": "Last hour", "86400": "Last 24 hours", "604800": "Last 7 days",
         "2592000": "Last 30 days", "own": "From … to …"}  # fmt: skip
STATUSES = {"": "Any status", "2xx": "Succeeded", "error": "Failed, for any reason", "4xx": "4xx: the caller's",
            "5xx": "5xx: ours", "402": "402 balance gone", "429": "429 rate limit", "499": "499 client left",
            "502": "502 backend failed", "503": "503 overloaded"}  # fmt: skip
STATES = {"": "Any state", "SETTLED": "Settled", "VOID": "Void", "STREAMING": "Streaming", "HELD": "Held"}
BASES = {"": "Any count", "measured": "Measured", "partial": "Partial", "estimated": "Estimated",
         "recovered": "Recovered"}  # fmt: skip
SHARED_SECONDS = 0.9
"""Less than a page waits at least until it asks again."""
_REQUEST = re.compile(r"req_[0-9A-Za-z]{20}")
_ASKED = ("user", "key", "model", "endpoint", "backend", "status", "state", "basis", "error")


def build(desk: Desk) -> None:
    """The page."""
    _Requests(desk)


class _Requests:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._offered = False
        self._filters = Filters(desk, self._changed)
        with card("Requests"):
            self._tools()
            empty = "No request matches. Without filters: none was made yet."
            self._list = Listing(desk, COLUMNS, self._ask, self._shape, empty, self._open)
        desk.keep(self._turn, 5, on=("request.",))

    def _tools(self) -> None:
        found = self._filters
        with ui.element("div").classes("tools"):
            found.text("user", "User or request id", main=True)
            self._models = found.choice("model", "Model", {"": "Any model"}, open=True)
            found.choice("status", "Status", STATUSES)
            self._since = found.choice("since", "Time", SINCE)
            ui.space()
            found.clear_button()
            button("Export", self._export)
        with ui.element("div").classes("tools").bind_visibility_from(self._since, "value", value="own"):
            found.date("from", "From")
            found.date("to", "To")
        more = any(self._desk.query.get(name) for name in ("key", "endpoint", "backend", "state", "basis", "error"))
        with ui.expansion("More filters", value=more).classes("more-filters"), ui.element("div").classes("tools"):
            found.text("error", "Text of the error")
            found.text("key", "Key, by id or prefix")
            self._endpoints = found.choice("endpoint", "Endpoint", {"": "Any endpoint"}, open=True)
            self._backends = found.choice("backend", "Backend", {"": "Any backend"}, open=True)
            found.choice("state", "State", STATES)
            found.choice("basis", "Tokens", BASES)

    async def _turn(self) -> None:
        """The list, and first of all what the filters offer."""
        if self._list.at_the_top or not self._offered:
            await self._list.load()
        if not self._offered:
            self._offered = True
            await self._offer()
            if wanted := self._desk.query.get("id"):
                ui.timer(0.1, lambda: self._open({"id": wanted}), once=True)  # a dialog of its own: turns go on

    async def _offer(self) -> None:
        models = await self._desk.shared("models", lambda api: api.models())
        endpoints = await self._desk.shared("endpoints", lambda api: api.endpoints())
        backends = await self._desk.shared("backends", lambda api: api.backends())
        self._filters.offer(self._models, "Any model", [row["id"] for row in models["data"]])
        self._filters.offer(self._endpoints, "Any endpoint", [_short(row) for row in endpoints["data"]])
        self._filters.offer(self._backends, "Any backend", [row["name"] for row in backends["data"]])

    async def _changed(self) -> None:
        await self._list.restart()

    async def _asked(self) -> dict[str, str]:
        """The filters as the gateway takes them."""
        said = self._filters.set
        found = {name: said[name] for name in _ASKED if name in said}
        if _REQUEST.fullmatch(found.get("user", "")):  # what a caller has of it: its answer's x-request-id
            found["id"] = found.pop("user")
        since = said.get("since", "")
        if since.isdecimal():
            found["from"] = str(int(time.time()) // 10 * 10 - int(since))  # the same question in every tab
        elif since == "own":
            for name in ("from", "to"):
                at = await self._desk.epoch(said[name]) if name in said else None
                found |= {name: str(at)} if at is not None else {}
        return found

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        filters: dict[str, Any] = await self._asked()
        name = ("requests", cursor, limit, *sorted(filters.items()))
        try:
            return await self._desk.shared(
                name, lambda api: api.requests(limit=limit, cursor=cursor, **filters), SHARED_SECONDS
            )
        except Refused as refused:
            if refused.status != 404:
                raise
            return {"data": [], "next": None, "empty": str(refused)}  # no such user or key: nothing matches

    def _shape(self, row: Row) -> Row:
        status, running = row["status"], row["state"] in ("HELD", "STREAMING")
        refunded = f"{show.money(row['refunded_nano'], self._desk.house.currency)} refunded"
        return {
            **{name: row[name] for name in ("id", "created_at", "username", "model")},
            "username_href": f"/users/{quote(str(row['user_id']), safe='')}" if row.get("user_id") else "",
            "model_more": " · ".join(str(part) for part in (row["endpoint"], row.get("backend")) if part),
            "tokens": f"{show.count(row['input_tokens'])} / {show.count(row['output_tokens'])}",
            "charged": show.UNKNOWN if running else show.money(row["charged_nano"], self._desk.house.currency),
            "charged_more": refunded if row.get("refunded_nano") else "",
            "took": show.span(row["duration_ms"]),
            "took_more": f"first after {show.span(row['first_byte_ms'])}" if row.get("first_byte_ms") else "",
            "status": "running" if running else status_words(status, row.get("error_code")),
            "status_tone": status_tone(row),
            "status_hint": str(row.get("error") or ""),
        }

    async def _open(self, row: Row) -> None:
        await view_request(self._desk, str(row["id"]))
        await self._desk.attempt(self._list.load)

    async def _export(self) -> None:
        await export_dialog(self._desk, await self._asked(), self._filters.active)


def _short(row: Row) -> str:
    """An endpoint's function by its last name, as the log has it."""
    return str(row.get("name") or row["function"]).rpartition(".")[2]
