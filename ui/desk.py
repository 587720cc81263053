"""One open page's way to the gateway, and its way of telling what went wrong."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

from nicegui import Client, ui

from infra.client import AdminClient

from .house import House, Refused, SignedOut, Trouble
from .session import Session

T = TypeVar("T")
Question = Callable[[AdminClient], Awaitable[T]]


class Desk:
    """One open page: asks with the viewer's session, tells trouble, and leaves when the session is over."""

    notice: ui.label
    room: ui.element

    def __init__(self, house: House, session: Session, path: str, page: Client) -> None:
        self.house = house
        self.path = path
        self._session = session
        self._page = page

    async def ask(self, question: Question[T]) -> T:
        """The gateway's answer; raises Trouble."""
        asking = self.house.client_of(self._session)
        if asking is None:
            raise self._leave()
        try:
            return await self.house.asked(question(asking))
        except Refused as refused:
            if refused.status == 401:
                await self.house.close_session(self._session.id)
                raise self._leave() from None
            raise

    def _leave(self) -> SignedOut:
        self._page.open(f"/sign-in?why=expired&next={quote(self.path, safe='')}")
        return SignedOut("The session is over. Sign in again to go on.")

    async def figures(self, days: int) -> dict[str, Any]:
        """The overview of `days`, shared by all open tabs; raises Trouble."""
        return await self.ask(lambda asking: self.house.figures(asking, days))

    def keep(self, refresh: Callable[[], Awaitable[None]], seconds: float) -> ui.timer:
        """Runs `refresh` at once and every `seconds`; its trouble stands in the notice until a turn goes well."""

        return ui.timer(seconds, lambda: self.attempt(refresh))

    async def attempt(self, refresh: Callable[[], Awaitable[None]]) -> None:
        """One turn of `refresh`."""
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
            found = await self.ask(doing)
        except Trouble as trouble:
            ui.notify(str(trouble), type="negative", timeout=10_000, close_button="Close", multi_line=True)
            return None
        ui.notify(done, type="positive")
        return found
