"""Who or what brought most: a name, a bar, the amount. Rows are made once and change in place."""

from collections.abc import Sequence

from nicegui import ui

ROWS = 8


class Ranking:
    """The first eight, the rest summed up in a line by the caller; a sentence where there is none."""

    def __init__(self, empty: str) -> None:
        self._empty = ui.label(empty).classes("empty")
        self._rows = [_Row() for _ in range(ROWS)]

    def set(self, found: Sequence[tuple[str, int, str, str, str]]) -> None:
        """(name, size for the bar, amount as text, note as text, the path that the name leads to), largest first."""
        largest = max((size for _, size, *_ in found), default=0)
        for place, row in enumerate(self._rows):
            row.set(*found[place], largest) if place < len(found) else row.hide()
        self._empty.set_visibility(not found)


class _Row:
    def __init__(self) -> None:
        with ui.element("div").classes("rank") as self._box:
            self._name = ui.link("", "").classes("rank-name")
            self._amount = ui.label().classes("rank-amount")
            with ui.element("div").classes("rank-track"):
                self._bar = ui.element("div").classes("rank-bar")
            self._note = ui.label().classes("rank-note")
        self._width = -1
        self.hide()

    def set(self, name: str, size: int, amount: str, note: str, path: str, largest: int) -> None:
        self._name.set_text(name)
        if self._name.props.get("title") != name:
            self._name.props["title"] = name
            self._name.props["href"] = path
        self._amount.set_text(amount)
        self._note.set_text(note)
        width = round(100 * size / largest) if largest else 0
        if width != self._width:
            self._width = width
            self._bar.style(f"width: {max(1, width)}%")
        self._box.set_visibility(True)

    def hide(self) -> None:
        self._box.set_visibility(False)
