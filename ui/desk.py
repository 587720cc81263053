"""One open page's way to the gateway, and its way of telling what went wrong."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from nicegui import Client, background_tasks, ui
from starlette.requests import Request

from infra.client import AdminClient

from .exports import Export
from .house import House, Refused, SignedOut, Trouble
from .questions import FRESH_SECONDS, figures
from .session import Session

T = TypeVar("T")
Question = Callable[[AdminClient], Awaitable[T]]
LOOK_SECONDS = 0.5
"""How often a page looks whether its turn has come; a look asks the gateway nothing."""
ARRIVAL_SECONDS = 0.5
"""For so long a page waits for its content before it is sent; what comes later follows over the socket."""


class Desk:
    """One open page: asks with the viewer's session, tells trouble, and leaves when the session is over."""

    notice: ui.label
    room: ui.element

    def __init__(self, house: House, session: Session, request: Request, page: Client) -> None:
        self.house = house
        self.params = dict(request.path_params)
        """What the path names, as {user} of /users/{user}."""
        self.query = dict(request.query_params)
        """What the address says behind "?": filters that a link or a reload brings back."""
        self.hidden = False
        """The viewer looks at another tab: nothing is asked meanwhile."""
        self._path = request.url.path
        self._session = session
        self._page = page
        self._kept: list[_Turns] = []

    async def ask(self, question: Question[T]) -> T:
        """The gateway's answer; raises Trouble."""
        asking = self.house.client_of(self._session)
        if asking is None:
            raise self._leave()
        try:
            return await self.house.asked(question(asking))
        except Trouble as trouble:
            if isinstance(trouble, Refused) and trouble.status == 401:
                await self.house.close_session(self._session.id)
            if self.house.client_of(self._session) is None:  # also of another question at the same time
                raise self._leave() from None
            raise

    async def change(self, doing: Question[T]) -> T:
        """The same for what changes something: afterwards no tab is shown an answer of before; raises Trouble."""
        try:
            return await self.ask(doing)
        finally:  # also where it is not known whether it was done
            self.house.changed()

    async def shared(self, name: Hashable, question: Question[T], fresh: float = FRESH_SECONDS) -> T:
        """The same, one answer of that name for all open tabs, `fresh` seconds old at most; raises Trouble."""
        return await self.ask(lambda asking: self.house.shared(name, lambda: question(asking), fresh))

    def _leave(self) -> SignedOut:
        if not self._page.is_deleted:
            self._page.open(f"/sign-in?why=expired&next={quote(self._here(), safe='')}")
        return SignedOut("The session is over. Sign in again to go on.")

    def _here(self) -> str:
        return self._path + (f"?{_encoded(self.query)}" if self.query else "")

    def remember(self, filters: Mapping[str, str]) -> None:
        """Writes filters into the address, so that a reload or a link brings them back; "" takes one out."""
        self.query = {name: value for name, value in {**self.query, **filters}.items() if value}
        search = json.dumps("?" + _encoded(self.query) if self.query else "")
        self._page.run_javascript(f"history.replaceState(history.state, '', location.pathname + {search})")

    def export(self, format: Literal["csv", "jsonl"], filters: Mapping[str, str]) -> Export:
        """Sends the browser to fetch the request log as a file; what is returned says how far it is."""
        export = Export(self._session.id, format, dict(filters))
        self.house.exports.add(export)
        self.fetch(f"/download/requests/{export.id}")
        return export

    def fetch(self, path: str) -> None:
        """Sends the browser to a file of ours, which it stores."""
        self._page.run_javascript(f"room.fetch({json.dumps(path)})")

    async def epoch(self, local: str) -> int | None:
        """The epoch seconds of a date and time in the viewer's zone, None where it is none."""
        found = await self._page.run_javascript(f"room.epoch({json.dumps(local)})", timeout=5)
        return int(found) if isinstance(found, int) else None

    async def figures(self, days: int, sums: bool = False) -> dict[str, Any]:
        """The overview of `days`, or its sums alone, shared by all open tabs; raises Trouble."""
        found: dict[str, Any] = await self.shared(*figures(days, sums))
        self.house.currency = found["currency"]
        return found

    def keep(self, refresh: Callable[[], Awaitable[None]], seconds: float, on: Sequence[str] = ()) -> None:
        """While the page is built: `refresh` is to run at once, every `seconds`, and soon after some events.

        `on` are the beginnings of their names. Not while the tab is hidden, and seldom where an answer takes long. Its
        trouble stands in the notice until a turn goes well.
        """
        self._kept.append(_Turns(self, refresh, seconds, on))

    async def begin(self) -> None:
        """The first turn of all that is kept, so that the page arrives with its content and is drawn once."""
        if not self._kept:
            return
        first = [background_tasks.create(self._in_the_room(turns)) for turns in self._kept]
        await asyncio.wait(first, timeout=ARRIVAL_SECONDS)
        with self.room:  # not before: NiceGUI sends a page as soon as one of its timers waits for the browser
            for turns in self._kept:
                ui.timer(LOOK_SECONDS, turns.look)

    async def _in_the_room(self, turns: "_Turns") -> None:
        with self.room:
            await turns.look()

    async def attempt(self, refresh: Callable[[], Awaitable[None]]) -> None:
        """One turn of `refresh`; none where the page is gone, as when a dialog was open while the viewer left."""
        if self._page.is_deleted:
            return
        try:
            await refresh()
        except Trouble as trouble:
            self.tell(str(trouble))
        else:
            self.tell("")

    def tell(self, sentence: str) -> None:
        """Shows the sentence above the page, dimming figures that may be old; "" takes it away."""
        self.notice.set_text(sentence)
        self.notice.set_visibility(bool(sentence))
        self.room.classes(add="stale" if sentence else "", remove="" if sentence else "stale")

    async def act(self, doing: Question[T], done: str) -> T | None:
        """One change the viewer asked for: says `done`, or what went wrong and returns None."""
        try:
            found = await self.change(doing)
        except Trouble as trouble:
            ui.notify(str(trouble), type="negative", timeout=10_000, close_button="Close", multi_line=True)
            return None
        ui.notify(done, type="positive")
        return found


def _encoded(query: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())


class _Turns:
    """When a page's next turn is: by the clock, or sooner because something happened."""

    def __init__(
        self, desk: Desk, refresh: Callable[[], Awaitable[None]], seconds: float, kinds: Sequence[str]
    ) -> None:
        self._desk, self._refresh, self._seconds, self._kinds = desk, refresh, seconds, kinds
        self._heard = desk.house.feed.heard(kinds)
        self._due = self._soonest = 0.0
        self._turning = False

    async def look(self) -> None:
        """Has the turn come? Not while one is under way, as the one that began before the page was sent."""
        if self._turning:
            return
        self._turning = True
        try:
            await self._look()
        finally:
            self._turning = False

    async def _look(self) -> None:
        if not self._desk.hidden:
            self._desk.house.feed.listen()
        began, heard = time.monotonic(), self._desk.house.feed.heard(self._kinds)
        happened = heard != self._heard and began >= self._soonest
        first = not self._due
        if not (first or (not self._desk.hidden and (happened or began >= self._due))):
            return
        self._heard = heard
        await self._desk.attempt(self._refresh)
        took = time.monotonic() - began
        self._soonest = time.monotonic() + max(1.0, 4 * took)
        self._due = time.monotonic() + max(self._seconds, 10 * took)
