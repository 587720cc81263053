"""A user to choose: the list follows what is typed, asked of the gateway, so that a thousand users are no long list."""

from collections.abc import Callable
from typing import Any

from nicegui import events, ui

from ..desk import Desk
from ..house import Trouble

MOST = 20


class UserPick:
    """A field that offers users by a part of their name; `name` is the chosen one, or empty."""

    def __init__(self, desk: Desk, label: str, chosen: str = "", on_change: Callable[[], Any] | None = None) -> None:
        self._desk = desk
        self._field = ui.select(
            [chosen] if chosen else [], value=chosen or None, label=label, with_input=True, on_change=on_change
        )
        self._field.props("outlined dense options-dense hide-bottom-space").classes("wide")
        self._field.on("input-value", self._typed, throttle=0.25, leading_events=False)

    @property
    def name(self) -> str:
        """The chosen user."""
        return str(self._field.value or "")

    async def load(self) -> list[str]:
        """The first users, so that the list is not empty when it opens; raises Trouble."""
        return await self._offer("")

    def choose(self, name: str) -> None:
        """Takes `name`, which is among those offered or is a new one."""
        self._field.set_options([name, *(each for each in self._field.options if each != name)], value=name)

    async def _typed(self, event: events.GenericEventArguments) -> None:
        try:
            await self._offer(str(event.args or "").strip())
        except Trouble:  # the list stays as it is; what the page itself asks tells the trouble
            return

    async def _offer(self, part: str) -> list[str]:
        found = await self._desk.ask(lambda api: api.users(q=part or None, limit=MOST))
        names = [str(row["username"]) for row in found["data"] if row["active"]]
        kept = [self.name] if self.name and self.name not in names else []
        self._field.set_options([*kept, *names], value=self._field.value)
        return names
