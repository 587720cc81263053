"""The overview's charts: by hour for a day and a week, by day for a month; together, by model and by user."""

import asyncio
from typing import Any

from nicegui import ui

from ..desk import Desk
from ..parts.card import card
from ..parts.chart import BAD, Line, Step, TimeChart, lines_of, times_of
from ..questions import GROUPS, series

_HINTS = {1: "The last 24 hours, by hour.", 7: "The last 7 days, by hour.", 30: "The last 30 days, in UTC."}
Row = dict[str, Any]


class Charts:
    """Four charts; what they show is asked for all open tabs together."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hints: list[ui.label] = []
        with ui.element("div").classes("pair"):
            self._by_model = self._chart("Revenue by model")
            self._by_user = self._chart("Revenue by user")
        with ui.element("div").classes("pair"):
            self._requests = self._chart("Requests and failures")
            self._tokens = self._chart("Tokens")

    def _chart(self, title: str) -> TimeChart:
        with card(title):
            self._hints.append(ui.label().classes("card-hint"))
            return TimeChart(stack=True)

    async def refresh(self, days: int) -> None:
        """Shows so many days; raises Trouble."""
        for hint in self._hints:
            hint.set_text(_HINTS[days])
        step: Step = "day" if days == 30 else "hour"
        currency = str((await self._desk.figures(days))["currency"])
        found = await asyncio.gather(*(self._desk.shared(*series(days, by)) for by in GROUPS))
        self._by_model.set(step, *lines_of(found[0], "revenue", currency))
        self._by_user.set(step, *lines_of(found[1], "revenue", currency))
        [points] = [each["points"] for each in found[2]["series"]]
        times = times_of(points)

        def values(name: str) -> list[float]:
            return [point[name] for point in points]

        answered = [point["requests"] - point["errors"] for point in points]
        self._requests.set(step, times, [Line("Answered", answered), Line("Failed", values("errors"), colour=BAD)])
        self._tokens.set(step, times, [Line("In", values("input_tokens")), Line("Out", values("output_tokens"))])
