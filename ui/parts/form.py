"""A dialog that asks, sends, and stays open with the gateway's own words when it is refused: nothing typed is lost."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from nicegui import ui

from ..desk import Desk, Question
from ..house import Trouble
from .dialog import actions, button, opened, settled
from .field import field

T = TypeVar("T")


class Form:
    """`with form.fields(): …` makes the fields; `await form.sent(question, verb)` is the answer, None when given up."""

    def __init__(self, desk: Desk, title: str) -> None:
        self._desk = desk
        self._checked: list[ui.input] = []
        with opened(title) as self.dialog:
            self._box = ui.element("div").classes("form")
            self._problem = ui.label().classes("error-text").props('role="alert"')
            self._problem.set_visibility(False)

    @contextlib.contextmanager
    def fields(self) -> Iterator[None]:
        """Where the fields go."""
        with self._box:
            yield

    def text(self, label: str, value: str = "", needed: str = "") -> ui.input:
        """A line of text that is checked before anything is sent; Enter sends."""
        found = field(label, value, needed)
        if not self._checked:
            found.props("autofocus")
        if needed:
            self._checked.append(found)
        return found

    async def sent(
        self, question: Question[T], verb: str, danger: bool = False, check: Callable[[], bool] = lambda: True
    ) -> T | None:
        """Opens the dialog; the gateway's answer to `question`, or None when the viewer gave it up.

        `check` looks at fields that the form did not make.
        """

        async def send() -> None:
            if [found for found in self._checked if not found.validate()] or not check():
                return
            go.disable()  # a second click sends nothing twice
            try:
                self.dialog.submit((await self._desk.change(question),))
            except Trouble as trouble:
                self._problem.set_text(str(trouble))
                self._problem.set_visibility(True)
            finally:
                go.enable()

        with self.dialog, self.dialog.default_slot.children[0], actions():
            button("Cancel", lambda: self.dialog.submit(None))
            go = button(verb, send, "danger" if danger else "main")
        for found in self._box.default_slot.children:
            if isinstance(found, ui.input):
                found.on("keydown.enter", send)
        answer = await settled(self.dialog)
        return answer[0] if answer else None


def choice(label: str, options: Sequence[str] | dict[Any, str], value: Any = None, many: bool = False) -> ui.select:
    """One of the options, or several as chips; what they read is text, whatever it holds."""
    found = ui.select(
        list(options) if not isinstance(options, dict) else options, value=value, label=label, multiple=many
    )
    found.props("outlined dense options-dense hide-bottom-space" + (" use-chips" if many else ""))
    return found.classes("wide")


def switch(label: str, value: bool = False, hint: str = "") -> ui.switch:
    """On or off, with a line that says what it does."""
    found = ui.switch(label, value=value)
    if hint:
        ui.label(hint).classes("card-hint under-switch")
    return found


def said(found: ui.input) -> str | None:
    """What stands in a field, None where nothing does."""
    return str(found.value or "").strip() or None
