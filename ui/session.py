"""Who is signed in: the admin tokens, in this process's memory only, behind random ids; and the brake on attempts.

The browser holds the id inside a signed HttpOnly cookie; the admin key itself is not kept anywhere, and a restart of
the control room signs everyone out.
"""

import secrets
import time
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

SESSIONS_MAX = 1_000
ATTEMPTS_PER_ADDRESS = 10
ATTEMPTS_IN_ALL = 100
"""Per minute, so that many addresses together guess no faster."""
ADDRESSES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in."""

    id: str
    token: str
    """The gateway's short-lived admin token."""
    expires_at: int
    """Epoch seconds."""

    @property
    def alive(self) -> bool:
        """Whether the token still holds by its own date; the gateway may refuse it earlier."""
        return time.time() < self.expires_at


class Sessions:
    """All sign-ins; bounded, the oldest go first."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def open(self, token: str, expires_at: int) -> Session:
        """A new sign-in under a fresh id of 256 random bits."""
        session = Session(secrets.token_urlsafe(32), token, expires_at)
        for stale in [found.id for found in self._open.values() if not found.alive]:
            del self._open[stale]
        while len(self._open) >= SESSIONS_MAX:
            del self._open[next(iter(self._open))]
        self._open[session.id] = session
        return session

    def find(self, session_id: object) -> Session | None:
        """The sign-in of that id while it is alive, else None."""
        session = self._open.get(session_id) if isinstance(session_id, str) else None
        if session is not None and not session.alive:
            self.close(session.id)
            return None
        return session

    def close(self, session_id: object) -> None:
        """Signs out in every tab; an unknown id is no error."""
        if isinstance(session_id, str):
            self._open.pop(session_id, None)


class Brake:
    """Sign-in attempts per address and in all, per minute."""

    def __init__(self, per_address: int = ATTEMPTS_PER_ADDRESS, in_all: int = ATTEMPTS_IN_ALL) -> None:
        self._per_address = per_address
        self._all = AsyncLimiter(in_all, 60)
        self._of: dict[str, AsyncLimiter] = {}

    async def passes(self, address: str) -> bool:
        """Counts one attempt; False when it is one too many (then it is not counted)."""
        own = self._of.pop(address, None) or AsyncLimiter(self._per_address, 60)
        self._of[address] = own  # most recently seen last
        while len(self._of) > ADDRESSES_MAX:
            del self._of[next(iter(self._of))]
        if not (own.has_capacity() and self._all.has_capacity()):
            return False
        await own.acquire()
        await self._all.acquire()
        return True
