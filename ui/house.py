"""What all pages share, and the one place where a failed question becomes a sentence.

Trouble                what the viewer is told, a sentence
├── Unreachable        nobody answers at the API's address
├── Refused            the gateway said no, in its own words
└── SignedOut          the session is over; the page is already on its way to the sign-in
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, TypeVar, cast

from infra import client
from infra.client import AdminClient, ClientError

from .exports import Exports
from .feed import Feed
from .questions import FRESH_SECONDS, Asked
from .session import Brake, Session, Sessions

T = TypeVar("T")
log = logging.getLogger("aethergate.ui")


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
        self._answers: dict[Hashable, tuple[float, Any]] = {}
        self._asking: dict[Hashable, asyncio.Lock] = {}
        self._changes = 0
        self._ahead: dict[str, list[asyncio.Task[None]]] = {}
        """What is asked ahead, by the session that it is asked for; a loop holds its tasks weakly."""
        self.exports = Exports()
        self.feed = Feed(self._any_client)

    async def open_session(self, key: str) -> Session:
        """Exchanges the admin key for a session; raises Unreachable or Refused. The key is not kept."""
        async with AdminClient(self.api_url, token=key) as door:
            found = await self.asked(door.session())
        session = self.sessions.open(found["token"], found["expires_at"])
        self._clients[session.id] = AdminClient(self.api_url, token=session.token)
        return session

    async def sign_out(self, session_id: object) -> None:
        """Hands the session's token back and forgets it; where no gateway answers, it ends by its time."""
        session = self.sessions.find(session_id)
        asking = self.client_of(session) if session is not None else None
        if asking is not None:
            try:
                await self.asked(asking.end_session())
            except Trouble as trouble:
                log.warning("a session's token was not handed back: %s", trouble)
        await self.close_session(session_id)

    async def close_session(self, session_id: object) -> None:
        """Forgets a session, its token and its connections."""
        self.sessions.close(session_id)
        for gone in [known for known in self._clients if self.sessions.find(known) is None]:
            self._ask_no_more(gone)
            await self._clients.pop(gone).close()

    async def close(self) -> None:
        """Closes every connection to the gateway."""
        await self.feed.close()
        for session_id, known in self._clients.items():
            self._ask_no_more(session_id)
            await known.close()
        self._clients.clear()

    def client_of(self, session: Session) -> AdminClient | None:
        """The client of that session, None when it is over."""
        return self._clients.get(session.id) if self.sessions.find(session.id) else None

    def _any_client(self) -> AdminClient | None:
        """The client of whoever is signed in; the newest, whose token holds longest."""
        alive = [found for known, found in self._clients.items() if self.sessions.find(known)]
        return alive[-1] if alive else None

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

    async def shared(self, name: Hashable, question: Callable[[], Awaitable[T]], fresh: float = FRESH_SECONDS) -> T:
        """One answer of that name for all open tabs: for `fresh` seconds, longer where it is dear to compute."""
        async with self._asking.setdefault(name, asyncio.Lock()):
            good_until, found = self._answers.get(name, (0.0, None))
            began, changes = time.monotonic(), self._changes
            if began > good_until:
                found = await question()
                took = time.monotonic() - began
                self._forget(began)
                if changes == self._changes:
                    self._answers[name] = (began + max(fresh, 20 * took), found)
        return cast(T, found)

    def ask_ahead(self, session: Session, asked: Sequence[Asked]) -> None:
        """Begins with questions that a page will ask in a moment. What fails there is asked again, and told, by it."""
        client = self._clients[session.id]
        self._ahead[session.id] = [asyncio.create_task(self._ahead_of(each, client)) for each in asked]

    def _ask_no_more(self, session_id: str) -> None:
        for task in self._ahead.pop(session_id, ()):
            task.cancel()

    async def _ahead_of(self, asked: Asked, client: AdminClient) -> None:
        with contextlib.suppress(ClientError):
            await self.shared(asked.name, lambda: asked.question(client), asked.fresh)

    def changed(self) -> None:
        """Something was changed from here: whoever asks from now on is not told what was so before."""
        self._changes += 1
        self._answers.clear()

    def _forget(self, now: float) -> None:
        for stale in [name for name, (good_until, _) in self._answers.items() if good_until < now - 60]:
            del self._answers[stale]
            self._asking.pop(stale, None)
