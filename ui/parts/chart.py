"""Charts over time: hours in the viewer's zone, days in UTC as the gateway sums them up.

Foreign text never becomes a key of the options (ui/__init__.py), only a series' name, which ECharts escapes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from nicegui import ui

from infra.units import NANO

from .state import Words

INK, GRID = "#8b93a3", "rgba(139,147,163,.18)"
COLOURS = ("#6d66f2", "#14b8a6", "#f59e0b", "#3b82f6", "#ec4899", "#84cc16", "#a855f7")
REST, BAD = "#94a3b8", "#e5484d"
"""Of all others together, and of failures."""
TOP = 6
"""More than so many by name nobody tells apart."""
MANY = 60
"""More bars than so many are steps of an area: a few shapes to draw, where a week by hour had a thousand bars."""
READ = "value => room.number(value)"
SHORT = "value => room.short(value)"
Step = Literal["hour", "day"]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name, a value for each time, how it is drawn, and by which axis."""

    name: str
    values: Sequence[float]
    kind: Literal["bar", "line"] = "bar"
    right: bool = False
    currency: str = ""
    """Where the values are money."""
    colour: str = ""
    """Where it means something; else by its place."""


class TimeChart:
    """Lines over hours or days, drawn anew only where something changed; a sentence where all is zero."""

    def __init__(self, stack: bool = False, empty: str = "Nothing happened in this time.") -> None:
        self._stack = stack
        self._words = Words(empty)
        self._place = ui.element("div").classes("chart-place")
        self._place.set_visibility(False)
        self._chart: ui.echart | None = None
        self._shown: tuple[Any, ...] = ()

    def set(self, step: Step, times: Sequence[int], lines: Sequence[Line]) -> None:
        """`times` in epoch seconds; one value of each line for each of them."""
        shown = (step, tuple(times), tuple((line.name, tuple(line.values)) for line in lines))
        something = any(value for line in lines for value in line.values)
        self._words.ready(something)
        self._place.set_visibility(something)
        if shown == self._shown or not something:
            return
        self._shown = shown
        options = _options(two_axes=any(line.right for line in lines))
        options["xAxis"] = _times(step, times)
        options["series"] = [
            _series(line, place, self._stack, many=len(times) > MANY) for place, line in enumerate(lines)
        ]
        self._draw(options)

    def _draw(self, options: dict[str, Any]) -> None:
        if self._chart is None:  # not before there is something to see: one made in hiding is drawn a second time
            with self._place:
                self._chart = ui.echart(options).classes("chart")
            return
        self._chart.options.clear()
        self._chart.options.update(options)
        self._chart.update()


def lines_of(found: Mapping[str, Any], value: str, currency: str = "") -> tuple[list[int], list[Line]]:
    """Times, and a line for each of the first six series of the API's answer and one for the rest of them.

    Where there is a currency, `value`_nano is read.
    """
    series = found["series"]
    name, size = (f"{value}_nano", NANO) if currency else (value, 1)

    def values(each: Mapping[str, Any]) -> list[float]:
        return [point[name] / size for point in each["points"]]

    lines = [Line(str(each["name"]), values(each), currency=currency) for each in series[:TOP]]
    if rest := [values(each) for each in series[TOP:]]:
        lines.append(Line("all others", [sum(at) for at in zip(*rest, strict=True)], currency=currency, colour=REST))
    return times_of(series[0]["points"]) if series else [], lines


def times_of(points: Sequence[Mapping[str, Any]]) -> list[int]:
    """When each point begins, in epoch seconds."""
    return [_seconds(point["at"]) for point in points]


def _seconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp())


def _series(line: Line, place: int, stack: bool, many: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": line.name,
        "type": line.kind,
        "yAxisIndex": int(line.right),
        "data": list(line.values),
        "color": line.colour or COLOURS[place],
        "tooltip": {":valueFormatter": f"value => room.amount(value, {json.dumps(line.currency)})"},
    }
    if line.kind == "bar" and many:
        area = {"step": "middle", "symbol": "none", "lineStyle": {"width": 0}, "areaStyle": {"opacity": 1}}
        return {**found, **area, "type": "line", "stack": "all" if stack else None}
    if line.kind == "bar":
        radius = 0 if stack else [4, 4, 0, 0]
        return {**found, "stack": "all" if stack else None, "barMaxWidth": 26, "itemStyle": {"borderRadius": radius}}
    return {
        **found,
        "symbol": "circle",
        "symbolSize": 4,
        "showSymbol": len(line.values) < 40,
        "lineStyle": {"width": 2},
    }


def _times(step: Step, times: Sequence[int]) -> dict[str, Any]:
    # Written by the browser, in the viewer's zone; a day is the gateway's, in UTC.
    label: dict[str, Any] = {"color": INK, "hideOverlap": True, ":formatter": f"at => room.{step}(at)"}
    if step == "hour" and len(times) > 48:  # several days: each is named where it begins
        label |= {":formatter": "at => room.weekday(at)", ":interval": "(_, at) => room.isMidnight(at)"}
    return {
        "type": "category",
        "data": [str(at) for at in times],
        "axisLabel": label,
        "axisPointer": {"label": {":formatter": f"found => room.{step}(found.value, true)"}},
        "axisLine": {"lineStyle": {"color": GRID}},
        "axisTick": {"show": False},
    }


def _options(two_axes: bool) -> dict[str, Any]:
    axis = {
        "type": "value",
        "minInterval": 0,
        "axisLabel": {"color": INK, ":formatter": SHORT},
        "splitLine": {"lineStyle": {"color": GRID}},
    }
    right = {**axis, "splitLine": {"show": False}, "minInterval": 1}
    small = {"icon": "roundRect", "itemWidth": 14, "itemHeight": 14, "textStyle": {"color": INK}, "pageIconColor": INK}
    cut = {"width": 150, "overflow": "truncate"}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 40, "bottom": 4, "containLabel": True},
        "legend": {
            "type": "scroll",
            "top": 0,
            "left": 0,
            "right": 0,
            **small,
            "pageTextStyle": {"color": INK},
            "textStyle": {"color": INK, **cut},
        },
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "axisPointer": {"type": "shadow"},
            "className": "chart-tip",
            "order": "valueDesc",
        },
        "xAxis": _times("day", []),
        "yAxis": [axis, right] if two_axes else [axis],
        "series": [],
    }
