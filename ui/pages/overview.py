"""Overview: is it earning, is it healthy, who uses it. Refreshed every few seconds, in place."""

from datetime import UTC, datetime
from typing import Any

from nicegui import ui

from infra.units import NANO

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.chart import DayChart, days_back
from ..parts.figure import Figure
from ..parts.lights import Backends
from ..parts.ranking import ROWS, Ranking

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
        self._days = 7
        self._loading = ui.label("Loading the figures…").classes("empty")
        with ui.element("div").classes("stack") as self._all:
            self._revenue_cards()
            self._period_figures()
            with card("Backends", "Each light is a slot; lit ones are working."):
                self._backends = Backends()
            with ui.element("div").classes("pair"):
                with card("Revenue and requests by day", "Days in UTC."):
                    self._by_day = DayChart([("Revenue", "bar"), ("Requests", "line")], frozenset({"Requests"}))
                with card("Tokens by day", "Days in UTC."):
                    self._tokens_by_day = DayChart([("Tokens in", "bar"), ("Tokens out", "bar")], stack=True)
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
            with ui.element("div").classes("figures"):
                self._requests = Figure("Requests")
                self._errors = Figure("Error rate")
                self._tokens_in = Figure("Tokens in")
                self._tokens_out = Figure("Tokens out")
                self._users = Figure("Active users")
                self._streams = Figure("Live streams")
                self._queued = Figure("In the queue")
                self._balances = Figure("Balances")

    async def _choose(self, days: int) -> None:
        self._days = days
        await self._desk.attempt(self.refresh)

    async def refresh(self) -> None:
        """One turn: asks, then shows; raises Trouble."""
        found = {days: await self._desk.figures(days) for days in PERIODS}
        self._show_revenue(found)
        self._show_period(found[self._days], found[1])
        self._show_days(found[max(7, self._days)])
        self._show_rankings(found[self._days])
        self._loading.set_visibility(False)
        self._all.set_visibility(True)

    def _show_revenue(self, found: dict[int, Row]) -> None:
        currency = self._desk.house.currency
        for days, figure in self._revenue.items():
            now, before = found[days]["revenue_nano"], found[days]["previous"]["revenue_nano"]
            words, tone = show.change(now, before)
            against = f" against {_BEFORE[days]}" if before else ""
            figure.set(show.headline(now, currency), words + against, tone, show.money(now, currency))

    def _show_period(self, found: Row, today: Row) -> None:
        before, currency = found["previous"], self._desk.house.currency
        self._requests.set(show.compact(found["requests"]), *show.change(found["requests"], before["requests"]))
        rate = show.share(found["errors"], found["requests"])
        self._errors.set(rate, f"{show.count(found['errors'])} failed", "down" if found["errors"] else "")
        for figure, name in ((self._tokens_in, "input_tokens"), (self._tokens_out, "output_tokens")):
            figure.set(show.compact(found[name]), *show.change(found[name], before[name]), show.count(found[name]))
        self._users.set(show.count(found["active_users"]), f"of {show.counted(found['users'], 'user')}")
        live = today["live"]
        self._streams.set(show.count(live["streams"]), "right now")
        self._queued.set(show.count(live["queued"]), "waiting right now" if live["queued"] else "nobody waits")
        held = f"{show.headline(today['held_total_nano'], currency)} held"
        exact = show.money(today["balance_total_nano"], currency)
        self._balances.set(show.headline(today["balance_total_nano"], currency), held, "", exact)
        self._backends.set(today["backends"])

    def _show_days(self, found: Row) -> None:
        rows = {row["day"]: row for row in found["by_day"]}
        days = days_back(max(7, self._days), datetime.now(UTC).date())
        lines = {name: [rows.get(day, {}).get(name, 0) for day in days] for name in _BY_DAY}
        self._by_day.set(days, [[nano / NANO for nano in lines["revenue_nano"]], lines["requests"]])
        self._tokens_by_day.set(days, [lines["input_tokens"], lines["output_tokens"]])

    def _show_rankings(self, found: Row) -> None:
        currency = self._desk.house.currency
        for ranking, rows, name in (
            (self._by_model, found["by_model"], "model"),
            (self._by_user, found["by_user"], "username"),
        ):
            largest = sorted(rows, key=lambda row: (-row["revenue_nano"], -row["requests"]))[:ROWS]
            ranking.set([(str(row[name]), row["revenue_nano"], *_amount(row, currency)) for row in largest])


_BY_DAY = ("revenue_nano", "requests", "input_tokens", "output_tokens")


def _amount(row: Row, currency: str) -> tuple[str, str]:
    requests = show.counted(row["requests"], "request")
    tokens = f", {show.compact(row['output_tokens'])} tokens out" if "output_tokens" in row else ""
    return show.headline(row["revenue_nano"], currency), requests + tokens
