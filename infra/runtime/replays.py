"""Idempotency-Key at the admin API: the same key and body get the first answer again, whatever happened to it.

409 while the first one runs, 422 where the body differs. An answer with a secret is not kept: its replay is a 409.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from infra.errors import Conflict, IdempotencyMismatch
from infra.store.clock import SECOND_US, now_us
from infra.store.models import Replay as Row
from infra.units import DAYS, MINUTES

if TYPE_CHECKING:
    from infra.runtime.call import Call

KEPT_SECONDS = 1 * DAYS
ABANDONED_SECONDS = 5 * MINUTES
"""A first request that has not ended after this long died with its process."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The first answer."""

    status: int
    body: bytes


class Replay:
    """One request's claim on its Idempotency-Key; without the header everything here does nothing."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self._claimed = False
        self.wanted = bool(call.headers.get("idempotency-key"))

    @property
    def _id(self) -> str:
        return f"{self._call.path}:{self._call.idempotency_key()}"

    async def begin(self) -> Stored | None:
        """None: go ahead. Raises BadRequest, Conflict, IdempotencyMismatch."""
        if not self.wanted:
            return None
        body = self._call.intake.body
        fingerprint = hashlib.sha256(f"{self._call.method} {self._call.path}\n".encode() + body).hexdigest()
        known = await Row.get_or_none(id=self._id)
        if known is None or _abandoned(known):
            await self._claim(fingerprint, known)
            return None
        if known.fingerprint != fingerprint:
            raise IdempotencyMismatch(
                "This Idempotency-Key was used with another body: use a new key for a new request."
            )
        if known.status is None:
            raise Conflict("The first request with this Idempotency-Key is still running.")
        if known.body is None:
            raise Conflict("This request was carried out already; its answer held a secret that is shown only once.")
        return Stored(known.status, known.body.encode())

    async def _claim(self, fingerprint: str, abandoned: Row | None) -> None:
        async def insert() -> None:
            if abandoned is not None:
                await Row.filter(id=self._id, status=None).delete()
            await Row.create(id=self._id, fingerprint=fingerprint, status=None, body=None, created_us=now_us())

        try:
            await self._call.gateway.store.write(insert)
        except IntegrityError:
            raise Conflict("The first request with this Idempotency-Key is still running.") from None
        self._claimed = True

    async def end(self, status: int, body: bytes) -> None:
        """Keeps a final answer; a refusal (4xx, 5xx) gives the key free again, since nothing was done.

        Where the client left before the answer (status 0), the work may still go on: the claim stays until it counts
        as abandoned."""
        if not self._claimed or status == 0:
            return

        async def keep() -> None:
            if not 200 <= status < 300:
                await Row.filter(id=self._id).delete()
                return
            kept = None if self._call.secret_answer else body.decode()
            await Row.filter(id=self._id).update(status=status, body=kept)

        await self._call.gateway.store.write(keep)


def _abandoned(row: Row) -> bool:
    return row.status is None and row.created_us < now_us() - ABANDONED_SECONDS * SECOND_US


async def prune() -> None:
    """Forgets answers older than a day."""
    await Row.filter(created_us__lt=now_us() - KEPT_SECONDS * SECOND_US).delete()
