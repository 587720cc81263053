"""A conversation: who said what, the last answer growing while it comes. All of it is text, never markup."""

import time

from nicegui import ui

SHOW_SECONDS = 0.08
"""So often a growing answer is sent to the browser."""


class Bubble:
    """One turn of the conversation."""

    def __init__(self, who: str, text: str, kind: str) -> None:
        with ui.element("div").classes(f"turn {kind}") as self._box:
            ui.label(who).classes("who")
            self._thought = ui.label().classes("thought")
            self._text = ui.label(text).classes("said")
            self._note = ui.label().classes("card-hint")
        self._thought.set_visibility(False)
        self._note.set_visibility(False)
        self.text, self.thought = text, ""
        self._shown = 0.0

    def grow(self, text: str, thought: str = "") -> None:
        """More of it has come; shown a little later where much comes at once (`settle` shows the rest)."""
        self.text += text
        self.thought += thought
        if time.monotonic() - self._shown >= SHOW_SECONDS:
            self.settle()

    def settle(self) -> None:
        """Shows all that has come."""
        self._shown = time.monotonic()
        self._text.set_text(self.text)
        if self.thought:
            self._thought.set_text(self.thought)
            self._thought.set_visibility(True)

    def note(self, words: str, bad: bool = False) -> None:
        """A line below it: that it waits, was stopped, or failed; "" takes it away."""
        self._note.set_text(words)
        self._note.set_visibility(bool(words))
        self._note.classes(replace="error-text" if bad else "card-hint")


class Talk:
    """The turns, scrolled to the newest by the browser itself."""

    def __init__(self, empty: str) -> None:
        with ui.element("div").classes("talk").props('role="log" aria-label="Conversation" tabindex=0'):
            self._turns = ui.element("div").classes("turns")
        self._empty = empty
        self.clear()

    def clear(self) -> None:
        """Nothing was said."""
        self._turns.clear()
        with self._turns:
            self._none = ui.label(self._empty).classes("empty")

    def add(self, who: str, text: str, kind: str) -> Bubble:
        """A turn of the user ("mine") or of the model ("theirs")."""
        self._none.set_visibility(False)
        with self._turns:
            return Bubble(who, text, kind)
