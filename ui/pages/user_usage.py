"""What a user used: charts of a month or a day, and the figures of the month."""

import time
from typing import Any

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.chart import Line, Step, TimeChart, lines_of, times_of
from ..parts.figure import Figure

PERIODS = {1: "24 hours", 7: "7 days", 30: "30 days", 90: "90 days"}
FRESH_SECONDS = 10.0
DAY_SECONDS = 86_400
Row = dict[str, Any]


class Usage:
    """The panel; `load` asks and shows."""

    def __init__(self, desk: Desk, user: str) -> None:
        self._desk, self._user, self._days = desk, user, 30
        with ui.element("div").classes("card-head"):
            ui.space()
            toggle = ui.toggle(PERIODS, value=self._days, on_change=lambda event: self._choose(event.value))
            toggle.props('no-caps unelevated dense aria-label="Period"').classes("period")
        with ui.element("div").classes("figures five"):
            self._charged = Figure("Charged")
            self._requests = Figure("Requests")
            self._errors = Figure("Failed")
            self._tokens_in = Figure("Tokens in")
            self._tokens_out = Figure("Tokens out")
        with ui.element("div").classes("pair chart-pair"):
            with ui.element("div"):
                ui.label("Charged, by model").classes("card-title")
                self._by_model = TimeChart(stack=True, empty="Nothing was charged in this time.")
            with ui.element("div"):
                ui.label("Tokens").classes("card-title")
                self._tokens = TimeChart(stack=True, empty="No tokens in this time.")

    async def _choose(self, days: int) -> None:
        self._days = days
        await self._desk.attempt(self.load)

    async def load(self) -> None:
        """One turn; raises Trouble."""
        step: Step = "day" if self._days > 7 else "hour"
        currency = self._desk.house.currency
        [points] = [each["points"] for each in (await self._series(step, "none"))["series"]]
        sums = {name: sum(point[name] for point in points) for name in _SUMMED}
        self._charged.set(
            show.headline(sums["revenue_nano"], currency), "", "", show.money(sums["revenue_nano"], currency)
        )
        self._requests.set(show.compact(sums["requests"]))
        self._errors.set(show.share(sums["errors"], sums["requests"]), show.count(sums["errors"]))
        self._tokens_in.set(show.compact(sums["input_tokens"]))
        self._tokens_out.set(show.compact(sums["output_tokens"]))
        lines = [
            Line("In", [point["input_tokens"] for point in points]),
            Line("Out", [point["output_tokens"] for point in points]),
        ]
        self._tokens.set(step, times_of(points), lines)
        self._by_model.set(step, *lines_of(await self._series(step, "model"), "revenue", currency))

    async def _series(self, step: Step, by: str) -> Row:
        size = 3_600 if step == "hour" else DAY_SECONDS
        begin = (int(time.time()) - self._days * DAY_SECONDS) // size * size + (size if step == "day" else 0)
        name = ("user series", self._user, self._days, by)
        return await self._desk.shared(
            name, lambda api: api.series(step=step, by=by, user=self._user, **{"from": begin}), FRESH_SECONDS
        )


_SUMMED = ("revenue_nano", "requests", "errors", "input_tokens", "output_tokens")
