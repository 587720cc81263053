"""The trial of an ejected backend, which is one over all processes that send there: who claims it in the database has
it for a while. Nobody gives it back: what came of it the others hear (docs/routing.md, Several backends)."""

import asyncio
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import BillingUnavailable
from infra.store.clock import SECOND_US, now_us

if TYPE_CHECKING:
    from infra.backends.sharing import Sharing

CLAIM_SECONDS = 15.0
"""A trial that takes longer, of a model that is being loaded, is not the only one any more."""
AGAIN_SECONDS = 1.0
"""How long who was refused does not ask again: by then it has heard what came of the other's."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Asks for the trial of a backend; answered by whether it is ours."""

    backend: str


class Claim:
    """One process's right to try one backend."""

    def __init__(self, sharing: "Sharing", backend: str) -> None:
        self._sharing, self._backend = sharing, backend
        self._until = self._again = 0.0

    @property
    def held(self) -> bool:
        """Whether nobody else may try it now."""
        return asyncio.get_running_loop().time() < self._until

    async def ask(self) -> None:
        """One at a time; without the database nobody gets it."""
        clock = asyncio.get_running_loop().time
        if self.held or clock() < self._again:
            return
        began = clock()
        self._again = began + AGAIN_SECONDS
        try:
            granted = await asyncio.shield(self._sharing.trial(Trial(self._backend)))
        except BillingUnavailable:
            return
        if granted:
            self._until = began + CLAIM_SECONDS


_CLAIM = (
    "INSERT INTO backend_trials (backend, instance, until_us) VALUES ({0}, {1}, {2}) ON CONFLICT (backend) DO UPDATE"
    " SET instance = excluded.instance, until_us = excluded.until_us WHERE backend_trials.instance = excluded.instance"
    " OR backend_trials.until_us NOT BETWEEN {3} AND excluded.until_us"
)
"""One that reaches further was made before the clock was set back."""
_CLAIM_US = int(CLAIM_SECONDS * SECOND_US)


def sqlite_claim(connection: sqlite3.Connection, instance: str, trial: Trial) -> bool:
    """Whether it is this process's now."""
    now = now_us()
    values = (trial.backend, instance, now + _CLAIM_US, now)
    return connection.execute(_CLAIM.format(*"????"), values).rowcount > 0


async def postgres_claim(connection: Any, instance: str, trial: Trial) -> bool:
    """The same by the database's clock."""
    now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    sql = _CLAIM.format("$1", "$2", f"{now} + $3::bigint", now) + " RETURNING true"
    return bool(await connection.fetchval(sql, trial.backend, instance, _CLAIM_US))
