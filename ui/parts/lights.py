"""A backend as a strip of lights: one per slot, lit while it works."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from .. import show

LIGHTS_MAX = 64


def state_of(backend: Mapping[str, Any]) -> tuple[str, str]:
    """(words, tone): what keeps requests away from it comes first."""
    if backend.get("draining"):
        return "draining", "warn"
    if backend.get("opens_at"):
        return "closed now", "plain"
    if backend.get("ejected"):
        return "ejected", "bad"
    return (
        ("not checked yet", "run")
        if backend.get("up") is None
        else ("up", "ok")
        if backend.get("up")
        else ("down", "bad")
    )


def standing(backend: Mapping[str, Any]) -> str:
    """Which processes keep slots without moving, a sentence each."""
    return " ".join(
        f"Process {each['pid']} stands still and keeps {show.counted(each['slots'], 'slot')}; end it to free them."
        for each in backend.get("standing") or []
    )


class BackendCard:
    """One backend's state; `set` changes it in place."""

    def __init__(self, name: str) -> None:
        with ui.element("div").classes("backend"):
            with ui.element("div").classes("head"):
                self._dot = ui.element("span").classes("dot")
                ui.label(name).classes("title")
                self._state = ui.label().classes("state")
            with ui.element("div").classes("lights") as self._strip:
                pass
            self._line = ui.label().classes("note")
            self._why = ui.label().classes("why")
        self._lights: list[ui.element] = []
        self._lit = 0

    def set(self, backend: Mapping[str, Any]) -> None:
        """Takes one object of the API's `backends` list."""
        slots, busy = int(backend.get("slots") or 0), int(backend.get("busy") or 0)
        words, tone = state_of(backend)
        self._state.set_text(words)
        for part in (self._dot, self._state):
            part.classes(replace=f"{'dot' if part is self._dot else 'state'} {tone}")
        self._fill(slots, busy)
        queued = int(backend.get("queued") or 0)
        waiting = f", {show.count(queued)} waiting" if queued else ""
        self._line.set_text(f"{show.count(busy)} of {show.count(slots)} slots busy{waiting}")
        why = str(backend.get("why") or "") if backend.get("up") is not True else standing(backend)
        self._why.set_text(why)
        self._why.set_visibility(bool(why))

    def _fill(self, slots: int, busy: int) -> None:
        shown = min(slots, LIGHTS_MAX)
        if len(self._lights) != shown:
            self._strip.clear()
            with self._strip:
                self._lights = [ui.element("span").classes("light") for _ in range(shown)]
            self._lit = 0
        lit = min(shown, -(-busy * shown // slots)) if slots else 0  # more slots than lights: in proportion, rounded up
        for place in range(min(lit, self._lit), max(lit, self._lit)):
            self._lights[place].classes(add="lit" if place < lit else "", remove="" if place < lit else "lit")
        self._lit = lit


class Backends:
    """All backends of the overview, or a sentence that there is none."""

    def __init__(self) -> None:
        self._box = ui.element("div").classes("backends")
        self._cards: dict[str, BackendCard] = {}
        self._none = ui.label("No backend is declared in gateway.yaml.").classes("empty")
        self._none.set_visibility(False)

    def set(self, found: list[dict[str, Any]]) -> None:
        """Takes the API's `backends` list."""
        names = [str(backend["name"]) for backend in found]
        if names != list(self._cards):
            self._box.clear()
            with self._box:
                self._cards = {name: BackendCard(name) for name in names}
        for backend in found:
            self._cards[str(backend["name"])].set(backend)
        self._none.set_visibility(not found)
