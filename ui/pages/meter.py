"""What an answer of the playground took: tokens, cost, speed, what is left, and where it stands in the log."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from .. import show
from ..desk import Desk
from ..house import Trouble
from ..parts.figure import Figure

SETTLE_TRIES, SETTLE_SECONDS = 20, 0.15
"""A stopped request is billed within a moment; it is asked after so often."""


class Stopwatch:
    """The times and the usage of one answer, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._began = self._first = self._last = 0.0
        self.request_id = ""
        self.usage: Mapping[str, Any] | None = None

    def start(self) -> None:
        """The request leaves now."""
        self._began = time.monotonic()

    def piece(self) -> None:
        """A piece of the answer has come."""
        self._last = time.monotonic()
        self._first = self._first or self._last

    def end(self) -> None:
        """The stream is over."""
        self._last = time.monotonic()

    @property
    def first_ms(self) -> int | None:
        """Until the first piece; None where none came."""
        return int(1000 * (self._first - self._began)) if self._first else None

    def per_second(self, tokens: int) -> float | None:
        """Tokens per second, from the first piece to the last."""
        spent = self._last - self._first
        return (tokens - 1) / spent if self._first and tokens > 1 and spent > 0 else None


class Meter:
    """The figures of the last answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._words = ui.label("Nothing was asked yet.").classes("empty")
        with ui.element("div").classes("figures two") as self._box:
            names = ("Tokens in", "Tokens out", "Cost", "Balance", "First token after", "Speed")
            self._parts = {name: Figure(name) for name in names}
        with ui.element("div").classes("request-line") as self._line:
            ui.label("Request").classes("card-hint")
            self._link = ui.link("", "/requests").classes("request-link")
        self._box.set_visibility(False)
        self._line.set_visibility(False)

    async def show(self, watch: Stopwatch, user: str) -> None:
        """Asks the log what it cost; what the gateway does not tell stays a dash."""
        if not watch.request_id:
            return
        try:
            row = await self._settled(watch.request_id)
            balance = (await self._desk.ask(lambda api: api.user(user)))["balance_nano"]
        except Trouble as trouble:
            self._words.set_text(f"The log does not tell: {trouble}")
            self._words.set_visibility(True)
            return
        currency, usage = self._desk.house.currency, watch.usage or {}
        tokens_in, tokens_out = int(row["input_tokens"] or 0), int(row["output_tokens"] or 0)
        cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
        speed = watch.per_second(tokens_out)
        self._parts["Tokens in"].set(show.count(tokens_in), f"{show.count(cached)} of them cached" if cached else "")
        self._parts["Tokens out"].set(show.count(tokens_out), str(row.get("basis") or ""))
        charged = row["charged_nano"]
        self._parts["Cost"].set(show.headline(charged, currency), exact=show.money(charged, currency))
        self._parts["Balance"].set(show.money(balance, currency), f"of {user}")
        self._parts["First token after"].set(show.span(watch.first_ms))
        self._parts["Speed"].set(f"{speed:,.1f}" if speed else show.UNKNOWN, "tokens/s")
        self._link.set_text(watch.request_id)
        self._link.props["href"] = f"/requests?id={watch.request_id}"
        self._words.set_visibility(False)
        self._box.set_visibility(True)
        self._line.set_visibility(True)

    async def _settled(self, request_id: str) -> dict[str, Any]:
        for _ in range(SETTLE_TRIES):
            row: dict[str, Any] = await self._desk.ask(lambda api: api.request(request_id))
            if row["state"] in ("SETTLED", "VOID"):
                break
            await asyncio.sleep(SETTLE_SECONDS)
        return row
