"""Dialogs: facts of one thing, a question before money or access changes, a secret shown once.

Each is made when it opens and deleted when it closes, so that what it held (a new key) does not stay behind.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from .copy import secret_field


@contextlib.contextmanager
def opened(title: str) -> Iterator[ui.dialog]:
    """A dialog's card to fill; open it with `await settled(dialog)`."""
    with ui.dialog() as dialog, ui.card().classes("dialog"):
        with ui.element("div").classes("dialog-head"):
            ui.label(title).classes("dialog-title")
            close = ui.button(icon="close", color=None, on_click=lambda: dialog.submit(None))
            close.props('flat round dense aria-label="Close"')
        yield dialog


async def settled(dialog: ui.dialog) -> Any:
    """Opens the dialog, waits for what it submits (None when dismissed), and deletes it."""
    answer = await dialog
    if not dialog.is_deleted:
        dialog.delete()
    return answer


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, written in the viewer's own zone and manner."""

    seconds: int | None
    never: str = "–"

    def show(self) -> None:
        """The element; only our own integer becomes part of the expression that the browser evaluates."""
        if self.seconds is None:
            ui.label(self.never)
        else:
            found = ui.element("time")
            found.props[":innerText"] = f"room.when({int(self.seconds)})"
            found.props[":title"] = f"room.exactly({int(self.seconds)})"


def facts(pairs: Sequence[tuple[str, str | Moment]]) -> None:
    """Names and values in two columns; values are text."""
    with ui.element("dl").classes("facts"):
        for name, value in pairs:
            with ui.element("dt"):
                ui.label(name)
            with ui.element("dd"):
                value.show() if isinstance(value, Moment) else ui.label(value)


@contextlib.contextmanager
def actions() -> Iterator[None]:
    """The row of buttons at a dialog's foot."""
    with ui.element("div").classes("actions"):
        yield


def button(words: str, on_click: Any, kind: str = "plain") -> ui.button:
    """`kind`: plain, main, or danger."""
    colour = {"main": "primary", "danger": "negative"}.get(kind)
    look = "unelevated" if kind != "plain" else "outline"
    return ui.button(words, on_click=on_click, color=colour).props(f"{look} no-caps")


async def show_secret(title: str, sentence: str, secret: str) -> None:
    """A new key, to be copied now: it is shown this once."""
    with opened(title) as dialog:
        dialog.props("persistent")
        ui.label(sentence).classes("sentence")
        secret_field(secret, "The key")
        with actions():
            button("I have copied it", lambda: dialog.submit(None), "main")
    await settled(dialog)
