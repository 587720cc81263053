"""Where pages ask the gateway: one House per process, one Desk per open page.

Trouble                what the viewer is told, a sentence
├── Unreachable        nobody answers at the API's address
├── Refused            the gateway said no, in its own words
└── SignedOut          the session is over; the page is already on its way to the sign-in
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

from nicegui import Client, ui

from infra import client
from infra.client import AdminClient

from .session import Brake, Session, Sessions

T = TypeVar("T")
FRESH_SECONDS = 2.0
"""For so long all open tabs share one answer; twenty times as long as it took to compute, where that is more."""
Question = Callable[[AdminClient], Awaitable[T]]


class Trouble(Exception):
    """A sentence for the viewer."""


class Unreachable(Trouble):
    """No answer from the gateway."""


class Refused(Trouble):
    """An answer that is an error."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SignedOut(Trouble):
    """The session is over."""


class House:
    """What all pages of this process share: the API's address, the sessions and their clients, the brake."""

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url.rstrip("/")
        self.sessions = Sessions()
        self.brake = Brake()
        self.currency = "USD"
        """As the last overview said."""
        self._clients: dict[str, AdminClient] = {}
        self._figures: dict[int, tuple[float, dict[str, Any]]] = {}
        self._asking: dict[int, asyncio.Lock] = {}

    async def open_session(self, key: str) -> Session:
        """Exchanges the admin key for a session; raises Unreachable or Refused. The key is not kept."""
        async with AdminClient(self.api_url, token=key) as door:
            found = await self.asked(door.session())
        session = self.sessions.open(found["token"], found["expires_at"])
        self._clients[session.id] = AdminClient(self.api_url, token=session.token)
        return session

    async def close_session(self, session_id: object) -> None:
        """Forgets a session, its token and its connections."""
        self.sessions.close(session_id)
        for gone in [known for known in self._clients if self.sessions.find(known) is None]:
            await self._clients.pop(gone).close()

    async def close(self) -> None:
        """Closes every connection to the gateway."""
        for known in self._clients.values():
            await known.close()
        self._clients.clear()

    def client_of(self, session: Session) -> AdminClient | None:
        """The client of that session, None when it is over."""
        return self._clients.get(session.id) if self.sessions.find(session.id) else None

    async def asked(self, question: Awaitable[T]) -> T:
        """The answer, with every failure in the viewer's words."""
        try:
            return await question
        except client.Unreachable as wrong:
            raise Unreachable(
                f"The gateway is not reachable at {self.api_url}. Is `aethergate serve` running there? ({wrong})"
            ) from None
        except client.ApiError as refused:
            raise Refused(refused.message, refused.status) from None

    async def figures(self, asking: AdminClient, days: int) -> dict[str, Any]:
        """The overview of `days`, one answer for all open tabs: for a moment, longer where it is dear to compute."""
        async with self._asking.setdefault(days, asyncio.Lock()):
            good_until, found = self._figures.get(days, (0.0, {}))
            began = time.monotonic()
            if began > good_until:
                found = await asking.overview(days)
                took = time.monotonic() - began
                self._figures[days] = (began + max(FRESH_SECONDS, 20 * took), found)
        self.currency = found["currency"]
        return found


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
