"""What all pages share, and the one place where a failed question becomes a sentence.

Trouble                what the viewer is told, a sentence
├── Unreachable        nobody answers at the API's address
├── Refused            the gateway said no, in its own words
└── SignedOut          the session is over; the page is already on its way to the sign-in
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from infra import client
from infra.client import AdminClient

from .session import Brake, Session, Sessions

T = TypeVar("T")
FRESH_SECONDS = 2.0
"""For so long all open tabs share one answer; twenty times as long as it took to compute, where that is more."""


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
