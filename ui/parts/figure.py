"""One figure: a label, a number, and a line about it. Texts change in place, so nothing flickers."""

from typing import Self

from nicegui import ui


class Figure:
    """A number with its name above and a note below; the tone colours the note."""

    def __init__(self, name: str, hint: str = "") -> None:
        with ui.element("div").classes("figure") as self.box:
            ui.label(name).classes("name")
            self._number = ui.label("…").classes("number")
            self._note = ui.label("").classes("note")
        self._tone = ""
        self._hint = ""
        if hint:
            self._set_hint(hint)

    def set(self, number: str, note: str = "", tone: str = "", exact: str = "") -> Self:
        """Shows `number`; `exact` is what the pointer sees where the number was shortened."""
        self._number.set_text(number)
        self._note.set_text(note)
        if tone != self._tone:
            self._note.classes(add=tone, remove=self._tone)
            self._tone = tone
        if exact:
            self._set_hint(exact)
        return self

    def _set_hint(self, hint: str) -> None:
        if hint != self._hint:
            self._hint = hint
            self._number.props["title"] = hint
