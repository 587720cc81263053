"""Prices: fields to type them per million, and their history as steps over time."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from nicegui import ui

from infra.units import price, show_price

from .. import show
from .chart import COLOURS, GRID, INK, READ, SHORT

METERS = {"input": "Input", "output": "Output", "cached": "Cached input", "reasoning": "Reasoning"}
"""Those that a form asks for; others a model may have are shown and kept."""
DEFAULTS = {"cached": "as input", "reasoning": "as output"}


def written(text: str) -> str | None:
    """A price as gateway.yaml writes it, of what a person types: a bare number is per million, nothing is None.

    Raises ValueError with a sentence.
    """
    plain = text.strip().replace(",", "")
    if not plain:
        return None
    try:
        return show_price(price(plain if "/" in plain else f"{plain}/1M"))
    except ValueError as fault:
        if "/" in plain:
            raise
        raise ValueError(f"{plain!r} is not a price of a million tokens, as in 1.00") from fault


def shown(text: str, currency: str) -> str:
    """1.00/1M as $1.00 / 1M."""
    return f"{show.money(price(text), currency)} / 1M"


class PriceFields:
    """One field per meter, empty where the meter has no price of its own."""

    def __init__(self, now: Mapping[str, str], currency: str, on_change: Callable[[], Any] | None = None) -> None:
        self._now = dict(now)
        with ui.element("div").classes("two-fields"):
            self._fields = {name: self._field(name, label, currency, on_change) for name, label in METERS.items()}
        ui.label(f"{currency} per million tokens. Free is an explicit 0.").classes("card-hint")

    def _field(self, name: str, label: str, currency: str, on_change: Callable[[], Any] | None) -> ui.input:
        value = self._now.get(name, "").removesuffix("/1M")
        found = ui.input(label, value=value, validation=_fault, placeholder=DEFAULTS.get(name, ""))
        found.props("outlined dense hide-bottom-space inputmode=decimal debounce=400 stack-label")
        if on_change:
            found.on_value_change(on_change)
        return found

    def valid(self) -> bool:
        """Whether every field holds a price or nothing; the faulty ones say what is wrong."""
        return not [field for field in self._fields.values() if not field.validate()]

    def changes(self) -> dict[str, str | None]:
        """Meter → its new price, None for no price of its own; only what differs from now. Raises ValueError."""
        new = {name: written(str(field.value or "")) for name, field in self._fields.items()}
        return {name: value for name, value in new.items() if value != self._now.get(name)}


def _fault(text: Any) -> str | None:
    try:
        written(str(text or ""))
    except ValueError as fault:
        return str(fault)
    return None


class PriceChart:
    """What a million tokens cost, as steps from version to version."""

    def __init__(self) -> None:
        self._place = ui.element("div").classes("chart-place small")
        self._chart: ui.echart | None = None
        self._shown = ""

    def set(self, versions: Sequence[Mapping[str, Any]]) -> None:
        """Versions newest first, as the API lists them; those of one endpoint alone are left out."""
        everywhere = [row for row in reversed(versions) if not row["endpoint"]]
        seen = json.dumps([row["id"] for row in everywhere])
        if seen == self._shown:
            return
        self._shown = seen
        names = [name for name in METERS if any(name in row["price"] for row in everywhere)]
        series = [_steps(METERS[name], COLOURS[place], _points(everywhere, name)) for place, name in enumerate(names)]
        if self._chart is None:  # made with what it shows, so that it is drawn once
            with self._place:
                self._chart = ui.echart({**_options(), "series": series}).classes("chart small")
        else:
            self._chart.options["series"] = series
            self._chart.update()


def _points(versions: Sequence[Mapping[str, Any]], meter: str) -> list[list[float | None]]:
    """(milliseconds, price of a million), the last one up to now; None where a version has no such price."""
    found = [[1000.0 * row["created_at"], _per_million(row["price"].get(meter))] for row in versions]
    return [*found, [1000.0 * time.time(), found[-1][1]]] if found else []


def _per_million(text: str | None) -> float | None:
    return None if text is None else float(Decimal(price(text)) / 10**9)


def _steps(name: str, colour: str, points: list[list[float | None]]) -> dict[str, Any]:
    line = {"name": name, "type": "line", "step": "end", "color": colour, "data": points, "symbolSize": 6}
    return {**line, "lineStyle": {"width": 2}}


def _options() -> dict[str, Any]:
    line = {"lineStyle": {"color": GRID}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 34, "bottom": 4, "containLabel": True},
        "legend": {"top": 0, "left": 0, "icon": "roundRect", "itemWidth": 12, "textStyle": {"color": INK}},
        "tooltip": {"trigger": "axis", "confine": True, ":valueFormatter": READ},
        "xAxis": {"type": "time", "axisLabel": {"color": INK, "hideOverlap": True}, "axisLine": line},
        "yAxis": {"type": "value", "axisLabel": {"color": INK, ":formatter": SHORT}, "splitLine": line},
        "series": [],
    }  # fmt: skip
