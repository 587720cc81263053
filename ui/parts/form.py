"""A dialog that asks, asks again before money or access changes, sends, and tells the gateway's own words.

What is refused leads back to the fields with all that was typed in them; so does Back.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from nicegui import ui

from ..desk import Desk, Question
from ..house import Trouble
from .dialog import actions, button, opened, settled
from .field import amount_field, field

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sure:
    """What is said before it is done, the button that does it, and the word that is typed where there is one."""

    sentence: str
    verb: str
    danger: bool = False
    typed: str = ""


class Once:
    """One idempotency key for each wish: the same, sent again, moves the money once; a mended one is another."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], str] = {}

    def key(self, *wish: str) -> str:
        """The key of this wish."""
        return self._keys.setdefault(wish, secrets.token_urlsafe(16))


class Form:
    """`with form.fields(): …` makes the fields; `await form.sent(question, verb)` is the answer, None when given up."""

    def __init__(self, desk: Desk, title: str) -> None:
        self._desk = desk
        self._checked: list[ui.input] = []
        with opened(title) as self.dialog:
            self._first = ui.element("div").classes("step")
            with self._first:
                self._box = ui.element("div").classes("form")
                self._problem = ui.label().classes("error-text").props('role="alert"')
                self._problem.set_visibility(False)
            self._second = ui.element("div").classes("step")
            self._second.set_visibility(False)

    @contextlib.contextmanager
    def fields(self) -> Iterator[None]:
        """Where the fields go."""
        with self._box:
            yield

    def text(self, label: str, value: str = "", needed: str = "") -> ui.input:
        """A line of text; `needed` is said when it is left empty. Enter sends."""
        return self.checked(field(label, value, needed))

    def amount(self, label: str, value: str = "", **allowed: Any) -> ui.input:
        """An amount of money; `allowed` as amount_field takes it."""
        return self.checked(amount_field(label, value, **allowed))

    def checked(self, found: ui.input) -> ui.input:
        """Checks the field before anything is sent; typing begins in the first one."""
        if not self._checked:
            found.props("autofocus")
        self._checked.append(found)
        return found

    async def sent(
        self,
        question: Question[T],
        verb: str,
        danger: bool = False,
        check: Callable[[], bool] = lambda: True,
        sure: Callable[[], Sure] | None = None,
    ) -> T | None:
        """Opens the dialog; the gateway's answer to `question`, or None when the viewer gave it up.

        `check` looks at fields that the form did not make; what `sure` returns is asked in a second step.
        """

        async def send() -> None:
            await self._send(question)

        async def go_on() -> None:
            if [found for found in self._checked if not found.validate()] or not check():
                return
            if sure is None:
                await send()
            else:
                self._ask(sure(), send)

        with self._first, actions():
            button("Cancel", lambda: self.dialog.submit(None))
            button(verb, go_on, "danger" if danger else "main")
        for found in self._box.descendants():
            if isinstance(found, ui.input):
                found.on("keydown.enter", go_on)
        answer: tuple[T] | None = await settled(self.dialog)
        return answer[0] if answer else None

    async def confirmed(self, question: Question[T], sure: Sure) -> T | None:
        """The second step alone, where there is nothing to fill in."""

        async def send() -> None:
            await self._send(question)

        with self._box:
            word = _said(sure)
        with self._first:
            self._foot("Cancel", lambda: self.dialog.submit(None), sure, send, word)
        answer: tuple[T] | None = await settled(self.dialog)
        return answer[0] if answer else None

    def _ask(self, sure: Sure, send: Callable[[], Any]) -> None:
        self._second.clear()
        with self._second:
            word = _said(sure)
            self._foot("Back", self._return, sure, send, word)
        self._show(self._second)

    def _foot(
        self, leave: str, on_leave: Callable[[], Any], sure: Sure, send: Callable[[], Any], word: ui.input | None
    ) -> None:
        with actions():
            button(leave, on_leave)
            go = button(sure.verb, send, "danger" if sure.danger else "main")
        if word is not None:
            go.bind_enabled_from(word, "value", backward=lambda said: str(said or "").strip() == sure.typed)
            word.on("keydown.enter", lambda: send() if go.enabled else None)

    async def _send(self, question: Question[T]) -> None:
        self._hold(True)  # a second click sends nothing twice, and nobody closes it before the answer
        try:
            self.dialog.submit((await self._desk.change(question),))
        except Trouble as trouble:
            self._return(str(trouble))
        finally:
            self._hold(False)

    def _hold(self, on: bool) -> None:
        if self.dialog.is_deleted:
            return
        self.dialog.props["persistent"] = on
        self.dialog.default_slot.children[0].props["inert"] = on

    def _return(self, problem: str = "") -> None:
        if not self.dialog.is_deleted:
            self._problem.set_text(problem)
            self._problem.set_visibility(bool(problem))
            self._show(self._first)

    def _show(self, step: ui.element) -> None:
        for each in (self._first, self._second):
            each.set_visibility(each is step)
        self.dialog.client.run_javascript(f"room.step({step.html_id!r})")


async def sure_of(desk: Desk, title: str, question: Question[T], sure: Sure, done: str) -> T | None:
    """Asks before money or access changes; says `done` after it. None when it was given up."""
    found = await Form(desk, title).confirmed(question, sure)
    if found is not None:
        ui.notify(done, type="positive")
    return found


def _said(sure: Sure) -> ui.input | None:
    ui.label(sure.sentence).classes("sentence").props("tabindex=-1")
    if not sure.typed:
        return None
    with ui.element("div").classes("sentence"):
        ui.label("To go on, type")
        ui.label(sure.typed).classes("to-type")
    return ui.input("Type it here").props("outlined dense autofocus autocomplete=off").classes("wide")


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
