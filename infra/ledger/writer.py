"""The one task of a process that writes a room's rows: takes all that waits, commits it, answers after the commit.

Natural batching: while one commit runs, the next batch gathers; no timer. Handing over is `put_nowait`, which no
cancellation can interrupt. What must not be lost (bills, voids) is tried again until it is written; what may be refused
(holds, posts) fails with BillingUnavailable.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from infra.errors import BillingUnavailable
from infra.ledger import failpoint
from infra.ledger.operations import Done
from infra.ledger.patience import unavailable
from infra.ledger.spool import Spool
from infra.ledger.vault import COMMIT_SECONDS_MAX, Vault

log = logging.getLogger("aethergate.ledger")

BATCH_MAX = 500
RETRY_SECONDS = 0.25
LOOK_SECONDS = 0.05
"""How much longer than its patience allows somebody may wait."""
STOP_SECONDS = 10.0
"""How long the end waits for a database that does not answer."""


@dataclass(slots=True)
class Order:
    """One operation on its way; `since` is monotonic seconds."""

    operation: Any
    answer: "asyncio.Future[Any]"
    until: float
    """The event loop's seconds at which whoever asked has waited long enough; the operation stays in line."""
    since: float = field(default_factory=time.monotonic)


class Writer:
    """Owns the vault. `start`, then `submit`; `stop` writes what waits and ends.

    `kept` operations wait for the database however long it takes, `dropped` ones come again by themselves, `ahead` ones
    do not wait in line: they concern nothing that stands there.
    """

    def __init__(
        self,
        vault: Vault,
        changed: Callable[[dict[str, tuple[int, int]]], None],
        kept: tuple[type[Any], ...] = (),
        dropped: tuple[type[Any], ...] = (),
        ahead: tuple[type[Any], ...] = (),
        spool: Spool | None = None,
    ) -> None:
        self._vault = vault
        self._spool = spool
        self._kept, self._dropped, self._ahead = kept, dropped, ahead
        self._changed = changed
        """Called after each commit with (balance, held) of the accounts that it touched."""
        self._waiting: deque[Order] = deque()
        self._hurried: deque[Order] = deque()
        """What goes to the head of the line as soon as no commit of that head is under way."""
        self._wake = asyncio.Event()
        self._awaited: list[Order] = []
        """Whoever waits for these does not wait for ever; some are answered already."""
        self._look: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._failing_since: float | None = None

    async def start(self) -> None:
        """Connects and begins; raises what the driver raises."""
        await self._vault.open()
        self._task = asyncio.create_task(self._run(), name="ledger-writer")

    async def stop(self) -> None:
        """Writes what waits and disconnects; where the database does not answer for 10 s, bills stay on the disk."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            _, pending = await asyncio.wait({self._task}, timeout=STOP_SECONDS)
            if pending:
                log.error("the database does not answer", extra={"waiting": len(self._waiting)})
                self._task.cancel()
                await asyncio.wait({self._task})
            await self._spool_bills()
        if self._spool is not None:
            self._spool.close()
        await self._vault.close()

    @property
    def healthy(self) -> bool:
        """False while the last commit failed, or when the task is gone."""
        return self._failing_since is None and self._task is not None and not self._task.done()

    @property
    def stalled(self) -> bool:
        """Whether commits fail, or one takes longer than anybody who spends would wait for it."""
        late = bool(self._waiting) and time.monotonic() - self._waiting[0].since > COMMIT_SECONDS_MAX
        return late or self._failing_since is not None

    def refuse_if_stalled(self) -> None:
        """For what need not begin: whoever would wait for the writer only to be refused is refused at once. Raises
        BillingUnavailable."""
        if self.stalled:
            raise unavailable()

    @property
    def depth(self) -> int:
        """Operations waiting for a commit."""
        return len(self._waiting)

    def submit(self, operation: Any, patience: float | None = None) -> "asyncio.Future[Any]":
        """Hands over without waiting; the future is answered after the commit and may be dropped or cancelled.

        After `patience` seconds it is answered without a commit, what is kept with Done, all else with
        BillingUnavailable; the operation stays in line.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if self._task is None or self._task.done():
            answer.set_exception(BillingUnavailable("The ledger is closed."))
            answer.exception()  # read once, so that a dropped future does not warn
        else:
            line = self._hurried if isinstance(operation, self._ahead) else self._waiting
            order = Order(operation, answer, loop.time() + (patience or 0.0))
            line.append(order)
            self._wake.set()
            if patience is not None:
                self._awaited.append(order)
                self._look = self._look or loop.call_later(LOOK_SECONDS, self._let_go)
        return answer

    def _let_go(self) -> None:
        """Answers who has waited long enough. One timer for all of them: one for each costs more than all else here."""
        loop = asyncio.get_running_loop()
        self._awaited = [order for order in self._awaited if not order.answer.done()]
        for order in self._awaited:
            if loop.time() >= order.until:
                self._release(order)
        self._look = loop.call_later(LOOK_SECONDS, self._let_go) if self._awaited else None

    def _release(self, order: Order) -> None:
        """Lets go whoever waits for an operation that is not written yet."""
        if not isinstance(order.operation, self._kept):
            _fail(order)
        elif not order.answer.done():
            order.answer.set_result(Done())

    async def _run(self) -> None:
        while True:
            self._let_ahead()
            if not self._waiting:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            # They stay in line until they are written: whoever asks what is not written yet must see them.
            orders = list(islice(self._waiting, BATCH_MAX))
            if await self._commit(orders) is not None:
                await self._one_by_one(len(orders))

    def _let_ahead(self) -> int:
        """How many went to the head of the line: a lease does not wait for a long line of bills."""
        count = len(self._hurried)
        self._waiting.extendleft(reversed(self._hurried))
        self._hurried.clear()
        return count

    async def _commit(self, orders: Sequence[Order]) -> Exception | None:
        """Writes the first of the line and answers them, or returns what went wrong: then nothing is written."""
        try:
            results, accounts = await self._vault.commit([order.operation for order in orders])
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the batch is not written
            log.warning("a commit of %d operations failed: %s: %s", len(orders), type(error).__name__, error)
            return error
        self._failing_since = None
        for _ in orders:
            self._waiting.popleft()
        self._changed(accounts)
        self._empty_spool()
        for order, result in zip(orders, results, strict=True):
            failpoint.reach(f"before-{type(order.operation).__name__.lower()}-answer")
            if not order.answer.done():
                order.answer.set_result(result)
        return None

    def _kept_ones(self) -> list[Order]:
        return [order for order in self._waiting if isinstance(order.operation, self._kept)]

    def _empty_spool(self) -> None:
        if self._spool is None or not self._spool.used or self._kept_ones():
            return
        try:
            self._spool.empty()
        except OSError as error:
            log.error("the spool stays, it will be posted twice, which is harmless: %s", error)

    async def _one_by_one(self, count: int) -> None:
        """After a failed batch: connect anew and replay each; ids make what was written after all harmless."""
        await self._spool_bills()
        if not await self._reconnect():
            await self._put_off(count)
            return
        while count > 0:
            count += self._let_ahead()
            error = await self._commit([self._waiting[0]])
            if isinstance(error, self._vault.impossible):
                # The database is there and says no to this one alone: it would block all others for ever.
                log.error("this operation can never be written: %r", self._waiting[0].operation)
                _fail(self._waiting.popleft())
            elif error is not None:
                await self._put_off(count)
                return
            count -= 1

    async def _reconnect(self) -> bool:
        try:
            await self._vault.open()
        except Exception as error:  # noqa: BLE001
            log.warning("the database cannot be reached: %s: %s", type(error).__name__, error)
            return False
        return True

    async def _put_off(self, count: int) -> None:
        """Of the first `count`, bills keep their place for the next try; the rest is refused once it has waited long
        enough."""
        self._failing_since = self._failing_since or time.monotonic()
        tried = [self._waiting.popleft() for _ in range(count)]
        self._waiting.extendleft(reversed([order for order in tried if self._waits_on(order)]))
        if await self._spool_bills():
            for order in self._kept_ones():
                self._release(order)
        await asyncio.sleep(RETRY_SECONDS)

    def _waits_on(self, order: Order) -> bool:
        """Whether it is tried again; else it is told that it failed."""
        late = time.monotonic() - order.since > COMMIT_SECONDS_MAX / 2
        if isinstance(order.operation, self._kept) or not (late or isinstance(order.operation, self._dropped)):
            return True
        _fail(order)
        return False

    async def _spool_bills(self) -> bool:
        """What must not be lost goes to the disk; then whoever waits for it may be told to go on."""
        bills = [order.operation for order in self._kept_ones()]
        if self._spool is None or not bills:
            return False
        try:
            await asyncio.to_thread(self._spool.keep, bills)
        except (OSError, UnicodeEncodeError) as error:
            log.error("bills cannot be spooled, they wait in memory: %s", error)
            return False
        return True


def _fail(order: Order) -> None:
    if not order.answer.done():
        order.answer.set_exception(unavailable())
        order.answer.exception()
