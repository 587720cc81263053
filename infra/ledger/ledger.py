"""The door of the money room: every verb that moves or reserves money, and the sentences in which it says no."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from infra.errors import BadRequest, BalanceOnHold, BalanceTooLow, BillingUnavailable, Conflict, KeyDisabled, NotFound
from infra.ledger import life
from infra.ledger.books import RequestRow
from infra.ledger.clock import LeaseClock
from infra.ledger.operations import (
    Billed,
    Held,
    Hold,
    Opened,
    OpenUser,
    Operation,
    Post,
    Posted,
    Progress,
    Recover,
    Refused,
    Renew,
    Result,
    Settle,
    Void,
)
from infra.ledger.patience import soon
from infra.ledger.postgres_vault import PostgresVault
from infra.ledger.refusals import no_post
from infra.ledger.spool import Spool, leftovers
from infra.ledger.sqlite_vault import SqliteVault
from infra.ledger.vault import COMMIT_SECONDS_MAX
from infra.ledger.writer import Writer
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.ids import new
from infra.store.models import Request, User
from infra.units import show_money

log = logging.getLogger("aethergate.ledger")

HOLD_PATIENCE_SECONDS = 2.0
"""How long a hold waits for the caller's own running requests to free money (docs/ledger.md, How much is held)."""
SETTLE_PATIENCE_SECONDS = 10.0
RECOVER_MAX = 1_000
R = TypeVar("R", bound=Result)
Meanwhile = Callable[[], None] | None


@dataclass(frozen=True, slots=True)
class Money:
    """What a user has, in nano-units; `held` is a part of `balance`."""

    balance: int
    held: int

    @property
    def free(self) -> int:
        """What can be spent now."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class TopUp:
    """Money comes in. The idempotency key makes a retry harmless for ever."""

    user_id: str
    amount_nano: int
    reason: str
    actor: str
    address: str
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Adjustment:
    """The owner corrects a balance, up or down, with a reason."""

    user_id: str
    amount_nano: int
    reason: str
    actor: str
    address: str
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Refund:
    """A charge goes back, whole (None) or in part; all refunds together never exceed it."""

    request_id: str
    amount_nano: int | None
    reason: str
    actor: str
    address: str
    idempotency_key: str


class Ledger:
    """One per process: its writer is the only one here that writes money."""

    def __init__(self, store: Store, instance: str) -> None:
        self._store = store
        self.instance = instance
        self.started_us = now_us()
        self.clock = LeaseClock(store)
        vault = SqliteVault(store.url.path) if store.dialect == "sqlite" else PostgresVault(store)
        self._spool_folder, self._spool_prefix = _spool_place(store)
        spool = Spool(self._spool_folder / f"{self._spool_prefix}{instance}")
        self.writer = Writer(
            vault, self._changed, kept=(Settle, Void), dropped=(Progress, Recover), ahead=(Renew,), spool=spool
        )
        self._money: dict[str, Money] = {}
        self._freed = asyncio.Event()

    def _changed(self, accounts: dict[str, tuple[int, int]]) -> None:
        for user_id, (balance, held) in accounts.items():
            self._money[user_id] = Money(balance, held)
        self._freed.set()
        self._freed = asyncio.Event()

    async def start(self) -> None:
        """Connects the writer and posts the bills that a dead process left on disk; raises what the driver raises."""
        await self.writer.start()
        for path, ends in leftovers(self._spool_folder, self._spool_prefix):
            if ends:
                await asyncio.wait([self.writer.submit(end) for end in ends])
                log.warning(
                    "posted the bills that a process left behind", extra={"file": path.name, "bills": len(ends)}
                )
            path.unlink(missing_ok=True)

    async def stop(self) -> None:
        """Writes what waits, then disconnects."""
        await self.writer.stop()

    # --- the life of a request -------------------------------------------------------------------------------------

    async def hold(self, draft: RequestRow, want: int, least: int) -> Held:
        """Reserves `want` nano-units, or what is there down to `least`.

        Raises BalanceTooLow, BalanceOnHold (after 2 s of waiting for the caller's own requests), KeyDisabled,
        BillingUnavailable. Whoever called must end the request afterwards, whatever came of this.
        """
        give_up = asyncio.get_running_loop().time() + HOLD_PATIENCE_SECONDS
        while True:
            freed = self._freed
            answer = await self._soon(Hold(draft, want, least, now_us()))
            if isinstance(answer, Held):
                return answer
            left = give_up - asyncio.get_running_loop().time()
            if not isinstance(answer, Refused) or answer.why != "on_hold" or left <= 0:
                raise self._no_hold(answer, least)
            try:
                # Other processes free money too, and nobody tells us: look again four times a second.
                await asyncio.wait_for(freed.wait(), min(left, 0.25))
            except TimeoutError:
                continue

    def _no_hold(self, answer: Result, least: int) -> Exception:
        if isinstance(answer, Refused) and answer.why == "on_hold":
            return BalanceOnHold(
                f"Your balance is held by your own running requests: {show_money(answer.held)} of it. Try again when"
                f" one of them has finished; this one needs at least {show_money(least)}.",
                retry_after=1,
            )
        if isinstance(answer, Refused) and answer.why == "too_low":
            return too_low(least, answer.free)
        return KeyDisabled("This account is disabled.")

    def progress(self, checkpoint: Progress) -> None:
        """Notes how far a running request has come; what it says may be lost."""
        self.writer.submit(checkpoint)

    async def settle(self, final: RequestRow, amount: int, meanwhile: Meanwhile = None) -> Billed | None:
        """Ends a request with a bill of `amount` nano-units; None where the database did not answer within 10 s (the
        bill stays in line and is written when it does). `meanwhile` is called once the bill is on its way."""
        return await self._end(Settle(final.storable(), amount), meanwhile)

    async def void(self, final: RequestRow, meanwhile: Meanwhile = None) -> Billed | None:
        """Ends a request without a bill."""
        return await self._end(Void(final.storable()), meanwhile)

    def journal(self, final: RequestRow) -> None:
        """Keeps a request that was refused before its hold, without waiting for it."""
        self.writer.submit(Void(final.storable()))

    async def _end(self, operation: Settle | Void, meanwhile: Meanwhile) -> Billed | None:
        answer = self.writer.submit(operation, SETTLE_PATIENCE_SECONDS)
        if meanwhile is not None:
            asyncio.get_running_loop().call_soon(meanwhile)  # after the writer's turn, if nothing else keeps it busy
        try:
            result = await answer
        except BillingUnavailable:
            return None
        return result if isinstance(result, Billed) else None

    async def _soon(self, operation: Operation) -> Result:
        """The answer within the time after which spending fails closed; raises BillingUnavailable."""
        result: Result = await self.writer.submit(operation, COMMIT_SECONDS_MAX)
        return result

    # --- the owner's hand ------------------------------------------------------------------------------------------

    async def open_user(
        self, name: str, balance_nano: int, *, weight: int = 1, limits_json: str = "{}", actor: str, address: str
    ) -> User:
        """Creates a user with a first balance; raises Conflict where the name is taken."""
        user_id = new("user")
        answer = await self._posted(
            OpenUser(user_id, name, balance_nano, weight, limits_json, actor, address, now_us()), Opened
        )
        return await User.get(id=answer.user_id)

    async def post(self, order: TopUp | Adjustment | Refund) -> Posted:
        """Moves money by the owner's hand; the same idempotency key never moves it twice.

        Raises BadRequest, NotFound, Conflict, IdempotencyMismatch, BillingUnavailable.
        """
        if isinstance(order, Refund):
            return await self._refund(order)
        if order.amount_nano == 0 or (isinstance(order, TopUp) and order.amount_nano < 0):
            wanted = "be above zero" if isinstance(order, TopUp) else "not be zero"
            raise BadRequest(f"The amount must {wanted}.", param="amount")
        kind: Literal["topup", "adjustment"] = "topup" if isinstance(order, TopUp) else "adjustment"
        entry_id = f"{kind[0]}:{order.user_id}:{_digest(order.idempotency_key)}"
        post = Post(
            entry_id, kind, order.user_id, order.amount_nano, None, order.actor, order.address, order.reason, now_us()
        )
        return await self._posted(post, Posted)

    async def _refund(self, order: Refund) -> Posted:
        request = await Request.get_or_none(id=order.request_id)
        if request is None:
            raise NotFound(f"There is no request {order.request_id[:80]!r}.", param="request_id")
        amount = order.amount_nano if order.amount_nano is not None else request.charged - request.refunded
        entry_id = f"r:{request.id}:{_digest(order.idempotency_key)}"
        if amount <= 0 and order.amount_nano is not None:
            raise BadRequest("A refund must be above zero.", param="amount")
        if amount <= 0 and not await self._store.rows("SELECT id FROM entries WHERE id = ?", entry_id):
            raise Conflict(
                "Nothing is left to refund: "
                + ("the request was never charged." if not request.charged else "all of its charge went back already.")
            )
        post = Post(
            entry_id, "refund", request.user_id, amount, request.id, order.actor, order.address, order.reason, now_us()
        )
        return await self._posted(post, Posted)

    async def _posted(self, operation: OpenUser | Post, wanted: type[R]) -> R:
        answer = await self._soon(operation)
        if isinstance(answer, wanted):
            return answer
        raise no_post(answer)

    # --- what there is ---------------------------------------------------------------------------------------------

    async def money(self, user_id: str, *, fresh: bool = False) -> Money:
        """Balance and held of a user: as this process last saw them, or read anew. Raises NotFound,
        BillingUnavailable."""
        known = self._money.get(user_id)
        if known is not None and not fresh:
            return known
        user = await soon(_user(user_id))
        if user is None:
            raise NotFound("There is no such user.")
        found = self._money[user_id] = Money(user.balance, user.held)
        return found

    # --- leases ----------------------------------------------------------------------------------------------------

    async def renew(self, url: str | None) -> None:
        """Prolongs this process's lease on its holds by 15 s."""
        await self._soon(Renew(self.instance, url, self.started_us))

    async def bury(self) -> None:
        """Ends the leases of processes that are certainly gone."""
        await life.bury(self._store, self.instance)

    async def recover(self, *, all_others: bool, gone: bool = False) -> int:
        """Resolves the open requests of dead processes and returns how many: those whose lease has run out, or (with
        the database lock in hand, when nobody else can be alive) all that are not ours; `gone`: of those alone that
        were seen to be gone, for a time in which a lease tells nothing."""
        dead = ""
        if gone:
            dead = "AND instance IN (SELECT id FROM instances WHERE lease_until_us = 0)"
        elif not all_others:
            dead = f"AND instance NOT IN (SELECT id FROM instances WHERE {self.clock.running()})"
        rows = await self._store.rows(
            f"SELECT id, user_id FROM requests WHERE state IN ('HELD', 'STREAMING') {dead}"
            f" AND instance <> ? ORDER BY id LIMIT {RECOVER_MAX}",
            self.instance,
        )
        answers = [self.writer.submit(Recover(row["id"], row["user_id"], now_us())) for row in rows]
        if answers:
            await asyncio.wait(answers)
        resolved = sum(answer.exception() is None for answer in answers)
        if len(rows) < RECOVER_MAX or resolved < len(rows):
            return resolved  # what failed is found again by the next beat
        return resolved + await self.recover(all_others=all_others, gone=gone)


async def _user(id: str) -> User | None:
    return await User.get_or_none(id=id)


def _spool_place(store: Store) -> tuple[Path, str]:
    """Where bills wait while the database does not answer: beside the SQLite file, else below the working directory."""
    if store.dialect == "sqlite":
        path = Path(store.url.path)
        return path.parent, f"{path.name}.spool-"
    return Path(".aethergate"), f"{hashlib.sha256(str(store.url).encode()).hexdigest()[:12]}.spool-"


def too_low(needed: int, free: int) -> BalanceTooLow:
    """402 with what was needed and what there is, in currency units."""
    return BalanceTooLow(
        f"Your balance is too low: this request needs at least {show_money(needed)}, you have {show_money(free)}."
        " Ask the owner of this gateway to top it up."
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
