"""A user's months: each as a page to print and as CSV."""

from datetime import UTC, date, datetime
from urllib.parse import quote

from nicegui import ui

from ..desk import Desk
from ..parts.dialog import button

MONTHS_MOST = 36


class Statements:
    """The months from when the user came until now, the latest first."""

    def __init__(self, desk: Desk, user: str) -> None:
        self._desk, self._user = desk, user
        self._box = ui.element("div").classes("months")
        self._shown: list[str] = []

    async def load(self) -> None:
        """Shows the months; raises Trouble."""
        row = await self._desk.ask(lambda api: api.user(self._user))
        first = datetime.fromtimestamp(row["created_at"], UTC).date()
        found = months(first, datetime.now(UTC).date())[:MONTHS_MOST]
        if found == self._shown:
            return
        self._shown = found
        self._box.clear()
        with self._box:
            for month in found:
                self._month(month)

    def _month(self, month: str) -> None:
        path = f"/download/statement/{quote(self._user, safe='')}/{month}"
        with ui.element("div").classes("month"):
            ui.label(f"{date.fromisoformat(month + '-01'):%B %Y}").classes("month-name")
            ui.space()
            ui.link("Print", f"{path}/html", new_tab=True).classes("plain-button")
            button("CSV", lambda: self._desk.fetch(f"{path}/csv"))


def months(first: date, last: date) -> list[str]:
    """2026-11, 2026-10, … from `last` back to `first`."""
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    places = [last.year * 12 + last.month - 1 - back for back in range(max(1, count))]
    return [f"{place // 12:04d}-{place % 12 + 1:02d}" for place in places]
