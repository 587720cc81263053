"""Overview: is it earning, is it healthy, who uses it. Refreshed every few seconds, in place."""

import asyncio
from typing import Any
from urllib.parse import quote

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.figure import Figure
from ..parts.lights import Backends
from ..parts.ranking import ROWS, Ranking
from ..questions import USUAL_DAYS
from .overview_charts import Charts
from .verdict import verdict

REFRESH_SECONDS = 4
PERIODS = {1: "Today", 7: "7 days", 30: "30 days"}
_BEFORE = {1: "the day before", 7: "the 7 days before", 30: "the 30 days before"}
Row = dict[str, Any]


def build(desk: Desk) -> None:
    """The page; the first figures come with the first turn of the timer."""
    desk.keep(_View(desk).refresh, REFRESH_SECONDS, on=("request.", "backend"))


class _View:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        wanted = desk.query.get("days", "")
        self._days = int(wanted) if wanted in ("1", "7", "30") else USUAL_DAYS
        self._loading = ui.label("Loading the figures…").classes("empty").props('role="status"')
        with ui.element("div").classes("stack") as self._all:
            self._verdict = ui.label().classes("verdict").props('role="status"')
            self._revenue_cards()
            self._period_figures()
            with card("Backends", "Each light is a slot; lit ones are working."):
                self._backends = Backends()
            self._charts = Charts(desk)
            with ui.element("div").classes("pair"):
                with card("By model"):
                    self._by_model = Ranking("No request in this period yet.")
                with card("By user"):
                    self._by_user = Ranking("No request in this period yet.")
        self._all.set_visibility(False)

    def _revenue_cards(self) -> None:
        with ui.element("section").classes("card"):
            ui.label("Revenue").classes("card-title")
            with ui.element("div").classes("figures three"):
                self._revenue = {days: Figure(name) for days, name in PERIODS.items()}

    def _period_figures(self) -> None:
        with ui.element("section").classes("card"):
            with ui.element("div").classes("card-head"):
                ui.label("Traffic").classes("card-title")
                ui.space()
                toggle = ui.toggle(PERIODS, value=self._days, on_change=lambda event: self._choose(event.value))
                toggle.props('no-caps unelevated dense aria-label="Period"').classes("period")
            with ui.element("div").classes("figures five"):
                self._requests = Figure("Requests")
                self._errors = Figure("Error rate")
                self._tokens_in = Figure("Tokens in")
                self._tokens_out = Figure("Tokens out")
                self._users = Figure("Active users")
                self._first_token = Figure("Time to first token", "Half of the streams began sooner.")
                self._speed = Figure("Speed of a stream", "Half of the streams were faster.")
                self._streams = Figure("Live streams")
                self._queued = Figure("In the queue")
                self._balances = Figure("Balances")

    async def _choose(self, days: int) -> None:
        self._days = days
        self._desk.remember({"days": str(days)})
        await self._desk.attempt(self.refresh)

    async def refresh(self) -> None:
        """One turn: asks for all at once, and shows each answer as it comes; raises Trouble."""
        await asyncio.gather(*(self._one(days) for days in PERIODS), self._charts.refresh(self._days))

    async def _one(self, days: int) -> None:
        found = await self._desk.figures(days, sums=days != self._days)
        self._show_revenue(days, found)
        if days == 1:
            self._show_now(found)
        if days == self._days and found["active_users"] is not None:  # else another period was chosen meanwhile
            self._show_period(found)
            self._show_speed(found)
            self._show_rankings(found)
        self._loading.set_visibility(False)
        self._all.set_visibility(True)

    def _show_revenue(self, days: int, found: Row) -> None:
        currency = self._desk.house.currency
        now, before = found["revenue_nano"], found["previous"]["revenue_nano"]
        words, tone = show.change(now, before)
        against = f" against {_BEFORE[days]}" if before else ""
        self._revenue[days].set(show.headline(now, currency), words + against, tone, show.money(now, currency))

    def _show_now(self, today: Row) -> None:
        words, tone = verdict(today)
        self._verdict.set_text(words)
        self._verdict.classes(add=tone, remove=" ".join({"ok", "warn", "bad", "calm"} - {tone}))
        live, currency = today["live"], self._desk.house.currency
        self._streams.set(show.count(live["streams"]), "right now")
        self._queued.set(show.count(live["queued"]), "waiting right now" if live["queued"] else "nobody waits")
        held = f"{show.headline(today['held_total_nano'], currency)} held"
        exact = show.money(today["balance_total_nano"], currency)
        self._balances.set(show.headline(today["balance_total_nano"], currency), held, "", exact)
        self._backends.set(today["backends"])

    def _show_period(self, found: Row) -> None:
        before = found["previous"]
        self._requests.set(show.compact(found["requests"]), *show.change(found["requests"], before["requests"]))
        rate = show.share(found["errors"], found["requests"])
        self._errors.set(rate, f"{show.count(found['errors'])} failed", "down" if found["errors"] else "")
        for figure, name in ((self._tokens_in, "input_tokens"), (self._tokens_out, "output_tokens")):
            figure.set(show.compact(found[name]), *show.change(found[name], before[name]), show.count(found[name]))
        self._users.set(show.count(found["active_users"]), f"of {show.counted(found['users'], 'user')}")

    def _show_speed(self, found: Row) -> None:
        first, speed = found.get("ttft_ms") or {}, found.get("tokens_per_second") or {}
        words = f"95 % within {show.span(first['p95'])}" if first.get("p95") is not None else "no stream yet"
        self._first_token.set(show.span(first.get("p50")), words)
        words = f"95 % above {show.speed(speed['p95'])}" if speed.get("p95") is not None else "no stream yet"
        self._speed.set(show.speed(speed.get("p50")), words)

    def _show_rankings(self, found: Row) -> None:
        currency = self._desk.house.currency
        for ranking, rows, name, path in (
            (self._by_model, found["by_model"], "model", "/requests?model="),
            (self._by_user, found["by_user"], "username", "/users/"),
        ):
            largest = sorted(rows, key=lambda row: (-row["revenue_nano"], -row["requests"]))[:ROWS]
            ranking.set(
                [
                    (
                        str(row[name]),
                        row["revenue_nano"],
                        *_amount(row, currency),
                        path + quote(str(row[name]), safe=""),
                    )
                    for row in largest
                ]
            )


def _amount(row: Row, currency: str) -> tuple[str, str]:
    requests = show.counted(row["requests"], "request")
    tokens = f", {show.compact(row['output_tokens'])} tokens out" if "output_tokens" in row else ""
    return show.headline(row["revenue_nano"], currency), requests + tokens
