"""Charts of the last days; colours that read on dark and light.

Foreign text never becomes a key of the options (ui/__init__.py), only names of series and axes, which ECharts escapes.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from nicegui import ui

INK, GRID = "#8b93a3", "rgba(139,147,163,.18)"
COLOURS = ("#6d66f2", "#14b8a6", "#f59e0b", "#e5484d")
READ = "value => Number(value).toLocaleString('en', {maximumFractionDigits: 6})"
SHORT = "value => Intl.NumberFormat('en', {notation: 'compact', maximumSignificantDigits: 3}).format(value)"


def days_back(days: int, today: date) -> list[str]:
    """The last `days` days up to `today` as the API writes them, oldest first."""
    return [(today - timedelta(days=back)).isoformat() for back in reversed(range(days))]


def day_name(day: str) -> str:
    """2026-11-23 as 23 Nov."""
    found = date.fromisoformat(day)
    return f"{found.day} {found:%b}"


class DayChart:
    """Series over days, as bars or lines, those that `right` names on an axis of their own."""

    def __init__(
        self, series: Sequence[tuple[str, str]], right: frozenset[str] = frozenset(), stack: bool = False
    ) -> None:
        """`series`: (name shown, "bar" or "line"); `right`: the names that go by the right axis."""
        drawn = [
            _series(name, kind, COLOURS[place], int(name in right), "all" if stack else None)
            for place, (name, kind) in enumerate(series)
        ]
        self.chart = ui.echart(_options(drawn, bool(right)), renderer="svg").classes("chart")
        self._shown: tuple[Any, ...] = ()

    def set(self, days: Sequence[str], values: Sequence[Sequence[float]]) -> None:
        """One list of values per series, one value per day; sent to the browser only when something changed."""
        shown = (tuple(days), tuple(tuple(line) for line in values))
        if shown == self._shown:
            return
        self._shown = shown
        self.chart.options["xAxis"]["data"] = [day_name(day) for day in days]
        for series, line in zip(self.chart.options["series"], values, strict=True):
            series["data"] = list(line)
        self.chart.update()


def _series(name: str, kind: str, colour: str, axis: int, stack: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "type": kind, "yAxisIndex": axis, "data": [], "color": colour}
    if kind == "bar":
        return {**found, "stack": stack, "barMaxWidth": 26, "itemStyle": {"borderRadius": 0 if stack else [4, 4, 0, 0]}}
    return {**found, "symbolSize": 5, "lineStyle": {"width": 2}}


def _options(series: list[dict[str, Any]], two_axes: bool) -> dict[str, Any]:
    axis = {
        "type": "value",
        "minInterval": 0,
        "axisLabel": {"color": INK, ":formatter": SHORT},
        "splitLine": {"lineStyle": {"color": GRID}},
    }
    right = {**axis, "splitLine": {"show": False}, "minInterval": 1}
    return {
        "animationDuration": 300,
        "grid": {"left": 8, "right": 8, "top": 40, "bottom": 4, "containLabel": True},
        "legend": {
            "top": 0,
            "left": 0,
            "icon": "roundRect",
            "itemWidth": 12,
            "itemHeight": 8,
            "textStyle": {"color": INK},
        },
        "tooltip": {"trigger": "axis", "confine": True, "axisPointer": {"type": "shadow"}, ":valueFormatter": READ},
        "xAxis": {
            "type": "category",
            "data": [],
            "axisLabel": {"color": INK, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": GRID}},
            "axisTick": {"show": False},
        },
        "yAxis": [axis, right] if two_axes else [axis],
        "series": series,
    }
