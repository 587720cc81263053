"""A key for the playground: of the user whose balance pays, short-lived, in this page's memory alone."""

import time

from ..desk import Desk
from ..house import Trouble

LIVES_SECONDS = 15 * 60
RENEWED_BEFORE_SECONDS = 2 * 60
NAME = "playground"


class ShortKey:
    """Minted when it is first needed, revoked when the page is left; should that fail, it ends by itself."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._user = self._id = self._secret = ""
        self._until = 0.0

    async def of(self, user: str) -> str:
        """The secret of a key of `user`; raises Trouble."""
        if self._user != user or time.monotonic() > self._until:
            await self.drop()
            made = await self._desk.ask(lambda api: api.add_key(user, name=NAME, expires=f"{LIVES_SECONDS // 60}m"))
            self._user, self._id, self._secret = user, str(made["id"]), str(made["key"])
            self._until = time.monotonic() + LIVES_SECONDS - RENEWED_BEFORE_SECONDS
        return self._secret

    async def drop(self) -> None:
        """Revokes it, where there is one."""
        gone, self._id, self._user, self._secret = self._id, "", "", ""
        if gone:
            try:
                await self._desk.ask(lambda api: api.revoke_key(gone))
            except Trouble:  # signed out, or no gateway: it expires within minutes
                return
