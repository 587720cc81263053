"""Idempotency-Key: the same key and body get the first answer again and are carried out, and billed, once.

409 while the first one runs, 422 where the body differs. What the database keeps: at the admin API the answer, unless
it holds a secret; of a request to a model only its id, since answers of models are never stored. Those are kept in
memory for a while (plain ones, of this process); where that is over, or the answer was a stream, the replay is a 409
that names the first request.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from infra.errors import BillingUnavailable, Conflict, IdempotencyMismatch
from infra.ledger.books import OPEN
from infra.ledger.patience import FAILURES, soon
from infra.ledger.vault import COMMIT_SECONDS_MAX
from infra.store.clock import SECOND_US, now_us
from infra.store.models import Replay as Row
from infra.store.models import Request
from infra.units import DAYS, MINUTES

if TYPE_CHECKING:
    from infra.runtime.call import Call

log = logging.getLogger("aethergate.replays")

KEPT_BYTES = 1_000_000
"""Larger answers are not kept."""
RECENT_BYTES = 32_000_000
RECENT_SECONDS = 10 * MINUTES
KEPT_SECONDS = 1 * DAYS
ABANDONED_SECONDS = 5 * MINUTES
"""A first request that has not ended after this long, and that the books do not know as running, died with its
process."""


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
        self._to_model = call.endpoint.access == "key"
        self.wanted = call.method == "POST" and bool(call.headers.get("idempotency-key"))

    @property
    def _id(self) -> str:
        whose = self._call.user.user_id if self._to_model else ""
        return f"{whose}{self._call.path}:{self._call.idempotency_key()}"

    async def begin(self) -> Stored | None:
        """None: go ahead. Raises BadRequest, Conflict, IdempotencyMismatch, BillingUnavailable."""
        if not self.wanted:
            return None
        gateway = self._call.gateway
        gateway.ledger.writer.refuse_if_stalled()
        looking = gateway.spawn(self._begin(), name="replay")
        try:
            return await soon(asyncio.shield(looking))
        except (BillingUnavailable, asyncio.CancelledError):
            gateway.spawn(self._withdraw(looking), name="replay")
            raise

    async def _begin(self) -> Stored | None:
        body = self._call.intake.body
        fingerprint = hashlib.sha256(f"{self._call.method} {self._call.path}\n".encode() + body).hexdigest()
        known = await Row.get_or_none(id=self._id)
        if known is None:
            await self._claim(fingerprint, known)
            return None
        if known.fingerprint != fingerprint:
            raise IdempotencyMismatch(
                "This Idempotency-Key was used with another body: use a new key for a new request."
            )
        if known.status is None:
            return await self._unfinished(known)
        if known.body is None:
            raise Conflict("This request was carried out already; its answer held a secret that is shown only once.")
        return self._recalled(known.status, known.body) if self._to_model else Stored(known.status, known.body.encode())

    async def _unfinished(self, known: Row) -> Stored | None:
        """The first one runs, or its process died before it could say how it ended. What was billed is not carried out
        again, and nothing is while it runs, however long that takes."""
        first = await Request.get_or_none(id=known.body) if known.body is not None else None
        if first is not None and first.state == "SETTLED":
            return self._recalled(first.status or 200, first.id)
        if not _old(known) or (first is not None and first.state in OPEN):
            raise Conflict("The first request with this Idempotency-Key is still running.")
        await self._claim(known.fingerprint, known)
        return None

    def _recalled(self, status: int, request_id: str) -> Stored:
        body = self._call.gateway.recent.get(request_id)
        if body is None:
            raise Conflict(
                f"This request was carried out and billed already, as {request_id}; its answer is not kept."
                " Use a new Idempotency-Key to ask again."
            )
        return Stored(status, body)

    async def _claim(self, fingerprint: str, abandoned: Row | None) -> None:
        of = self._call.id if self._to_model else None

        async def insert() -> None:
            if abandoned is not None:
                await Row.filter(id=self._id, status=None).delete()
            await Row.create(id=self._id, fingerprint=fingerprint, status=None, body=of, created_us=now_us())

        try:
            await self._call.gateway.store.write(insert)
        except IntegrityError:
            raise Conflict("The first request with this Idempotency-Key is still running.") from None
        self._claimed = True

    async def _withdraw(self, looking: "asyncio.Task[Stored | None]") -> None:
        """Nobody waits for it any more: a claim that comes too late must not stay."""
        await asyncio.wait({looking})
        if self._claimed:
            self._claimed = False
            await self._written(lambda: _free(self._id))

    async def end(self, status: int, body: bytes, complete: bool) -> None:
        """Keeps a final answer, once, before its last byte is sent; a refusal (4xx, 5xx) gives the key free again,
        since nothing was done.

        Where an admin's client left before the answer, the work may still go on: the claim stays until it counts as
        abandoned. A request to a model ended with its client, so that the key is free."""
        if not self._claimed or (not complete and not self._to_model):
            return
        self._claimed = False
        done = complete and 200 <= status < 300
        kept: str | None = None
        if done and self._to_model:
            kept = self._call.id
            self._call.gateway.recent.put(self._call.id, body)
        elif done and not self._call.secret_answer:
            kept = body.decode()
        writing = self._written(lambda: _keep(self._id, status, kept) if done else _free(self._id))
        # A database that is away keeps nobody from the answer.
        await asyncio.wait({self._call.gateway.spawn(writing, name="replay")}, timeout=COMMIT_SECONDS_MAX)

    async def _written(self, change: Callable[[], Awaitable[None]]) -> None:
        """Again until it is, or the gateway ends: then what the books say of the first request decides."""
        while True:
            try:
                await self._call.gateway.store.write(change)
                return
            except FAILURES as error:
                log.warning("the end of a request with an Idempotency-Key is not written yet: %s", error)
                if self._call.gateway.draining:
                    return
            await asyncio.sleep(1)


async def _keep(id: str, status: int, body: str | None) -> None:
    await Row.filter(id=id).update(status=status, body=body)


async def _free(id: str) -> None:
    await Row.filter(id=id).delete()


class Recent:
    """Plain answers of models, in memory only, for the clients that ask again because they missed the first one."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    def put(self, request_id: str, body: bytes) -> None:
        """Remembers an answer; the oldest go where there is no room. A stream cannot be replayed."""
        if len(body) >= KEPT_BYTES or body.startswith((b"data:", b":")):
            return
        self._answers[request_id] = time.monotonic(), body
        self._bytes += len(body)
        while self._bytes > RECENT_BYTES or (self._answers and self._late(next(iter(self._answers)))):
            _, (_, gone) = self._answers.popitem(last=False)
            self._bytes -= len(gone)

    def get(self, request_id: str) -> bytes | None:
        """The answer, None where it is not remembered (any more)."""
        found = self._answers.get(request_id)
        return found[1] if found is not None and not self._late(request_id) else None

    def _late(self, request_id: str) -> bool:
        return time.monotonic() - self._answers[request_id][0] > RECENT_SECONDS


def _old(row: Row) -> bool:
    return bool(row.created_us < now_us() - ABANDONED_SECONDS * SECOND_US)


async def prune() -> None:
    """Forgets answers older than a day."""
    await Row.filter(created_us__lt=now_us() - KEPT_SECONDS * SECOND_US).delete()
