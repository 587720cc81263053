"""What stands where content is not: loading, nothing there, or not to be had; always in words."""

from typing import Literal

from nicegui import ui


class Words:
    """One place for the three sentences; `ready` takes it away."""

    def __init__(self, empty: str, loading: str = "Loading…") -> None:
        self._empty = empty
        self._label = ui.label(loading).classes("empty").props('role="status"')

    def ready(self, something: bool, empty: str = "") -> None:
        """The answer is here: nothing to say where there is something, else the sentence for an empty answer."""
        self._say("empty", "" if something else empty or self._empty)

    def failed(self) -> None:
        """No answer, and nothing older to show; the notice above the page says why."""
        self._say("bad", "This could not be loaded. It is tried again by itself.")

    def _say(self, tone: Literal["empty", "bad"], sentence: str) -> None:
        self._label.classes(add="bad") if tone == "bad" else self._label.classes(remove="bad")
        self._label.set_text(sentence)
        self._label.set_visibility(bool(sentence))
