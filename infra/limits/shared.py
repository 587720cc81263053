"""The counts of limits where several processes share a database: exact across all of them.

Each batch of questions is one transaction under locks on the windows it touches, on a connection of its own, so that
the clock that orders the entries is the database's and nobody counts between a look and a step. A process that is alone
counts in blocks that it took before (`ahead.py`). What a request reads in its x-ratelimit headers is as of its own
counting.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from infra.errors import BillingUnavailable
from infra.ledger.vault import COMMIT_SECONDS_MAX
from infra.ledger.writer import Writer
from infra.limits.ahead import LIFE_SECONDS, Row, Spare, life
from infra.limits.batch import Amend, Leave, Take, Taken
from infra.limits.windows import Full, Level, Place, Want
from infra.store.clock import SECOND_US, now_us
from infra.units import Rate

LEVELS_KEPT = 50_000
SWEEP_SECONDS = 0.25
Rows = Mapping[str, Row]
"""Where a question was counted, by window."""


class SharedWindows:
    """Takes the place of `Windows`; `writer` owns the connection and batches."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._levels: OrderedDict[str, tuple[int, int, float]] = OrderedDict()
        """Used, when the last of it leaves, and when (monotonic) this process last counted there."""
        self._open: dict[str, Row] = {}
        self._spares: dict[str, Spare] = {}
        self._changed: dict[Row, None] = {}
        """Rows that have to say something else, in order."""
        self._alone_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connects; raises what the driver raises."""
        await self._writer.start()

    async def stop(self) -> None:
        """Gives back what was taken ahead, and disconnects."""
        self._alone_until = 0.0
        if self._timer is not None:
            self._timer.cancel()
        self._close(list(self._open))
        self._give_spares(list(self._spares))
        self._flush()
        await self._writer.stop()

    # --- counting -----------------------------------------------------------------------------------------------------

    async def take(self, wants: Sequence[Want], places: Sequence[Place] = ()) -> Rows | Full:
        """As `Windows.take`; raises BillingUnavailable."""
        if not wants and not places:
            return {}
        while True:
            here = self._here(wants, places, time.monotonic())
            if here is not None:
                return here
            result = await self._ask(wants, places)
            if isinstance(result, Taken):
                return result.rows
            if not self._in_hand(result.lacking):
                self._note_full(result)
                return result

    def _in_hand(self, lacking: Want | Place) -> bool:
        """Whether this process itself has got the rest meanwhile: then it goes back, and the question comes again."""
        if isinstance(lacking, Want):
            row = self._open.get(lacking.window)
            return row is not None and row.left > 0
        spare = self._spares.get(lacking.name)
        return spare is not None and spare.count > 0

    async def _ask(self, wants: Sequence[Want], places: Sequence[Place]) -> Taken | Full:
        answer: asyncio.Future[Taken | Full] = self._writer.submit(self._question(wants, places))
        answer.add_done_callback(self._answered)
        try:
            done, _ = await asyncio.wait({answer}, timeout=COMMIT_SECONDS_MAX)
        except asyncio.CancelledError:
            self._give_back(answer, wants, places)
            raise
        if not done:
            self._give_back(answer, wants, places)
            raise BillingUnavailable("Limits cannot be counted at the moment, please try again.")
        return answer.result()

    def _here(self, wants: Sequence[Want], places: Sequence[Place], now: float) -> Rows | None:
        """Counted without asking, where there is enough of everything; None: ask."""
        rows = {want.window: row for want in wants if (row := self._ready(want, now))}
        spares = [spare for place in places if (spare := self._spare(place, now))]
        if len(rows) < len(wants) or len(spares) < len(places):
            return None
        for spare in spares:
            spare.count, spare.touched = spare.count - 1, now
        for want in wants:
            rows[want.window].count(now, want.amount)
            used, _, _ = self._levels.get(want.window, (0, 0, 0.0))
            self._note(want.window, used + want.amount, now_us() + want.rate.seconds * SECOND_US, now)
        return rows

    def _ready(self, want: Want, now: float) -> Row | None:
        row = self._open.get(want.window)
        return row if row is not None and row.ready(now, want.rate, want.amount) else None

    def _spare(self, place: Place, now: float) -> Spare | None:
        spare = self._spares.get(place.name) if now < self._alone_until else None
        return spare if spare is not None and spare.count and spare.most == place.most else None

    def _question(self, wants: Sequence[Want], places: Sequence[Place]) -> Take:
        """What is left of blocks and places goes back before it is asked: it must not stand in its own way."""
        now = time.monotonic()
        self._close([want.window for want in wants])
        self._give_spares([place.name for place in places])
        self._flush()
        busy = [want.window for want in wants if now - self._levels.get(want.window, (0, 0, 0.0))[2] < LIFE_SECONDS]
        return Take(tuple(wants), tuple(places), tuple(busy))

    def _answered(self, answer: "asyncio.Future[Taken | Full]") -> None:
        if answer.exception() is not None or isinstance(taken := answer.result(), Full):
            return
        now, self._alone_until = time.monotonic(), taken.alone_until
        for name, (used, until_us) in taken.levels.items():
            self._note(name, used, until_us, now)
        for name, row in taken.rows.items():
            before = self._open.get(name)
            if row.open and before is not row:
                self._close([name])
                self._open[name] = row
        if self._alone_until:
            for place in taken.places:
                self._spares.setdefault(place.name, Spare(place.most)).most = place.most
        self._watch()

    def _give_back(
        self, answer: "asyncio.Future[Taken | Full]", wants: Iterable[Want], places: Iterable[Place]
    ) -> None:
        """Whoever asked has gone: what it gets after all goes back."""

        def done(answer: "asyncio.Future[Taken | Full]") -> None:
            if answer.exception() is None and isinstance(taken := answer.result(), Taken):
                for want in wants:
                    self.amend(want.window, taken.rows, -want.amount)
                self.leave([place.name for place in places])

        answer.add_done_callback(done)

    def amend(self, window: str, at: Rows, delta: int) -> None:
        """Corrects what was taken, in the rows that `take` answered."""
        if not delta:
            return
        if at[window].correct(delta):
            self._changed[at[window]] = None
            self._watch()
        if window in self._levels:
            used, until_us, seen = self._levels[window]
            self._levels[window] = max(0, used + delta), until_us, seen

    def leave(self, places: Iterable[str]) -> None:
        """Gives places back; who is alone keeps them for a moment, for whoever comes next."""
        now = time.monotonic()
        back: Counter[str] = Counter()
        for name in places:
            spare = self._spares.get(name) if now < self._alone_until else None
            if spare is None:
                back[name] += 1
            else:
                spare.count, spare.touched = spare.count + 1, now
        if back:
            self._writer.submit(Leave(back))

    # --- what goes back to the database -------------------------------------------------------------------------------

    def _close(self, windows: Iterable[str]) -> None:
        """These blocks are used no more."""
        for window in windows:
            row = self._open.pop(window, None)
            if row is not None:
                row.close()
                self._changed[row] = None

    def _give_spares(self, names: Iterable[str]) -> None:
        back = {name: spare.count for name in names if (spare := self._spares.pop(name, None)) and spare.count}
        if back:
            self._writer.submit(Leave(back))

    def _flush(self) -> None:
        for row in self._changed:
            if not row.queued:
                row.queued = True
                self._writer.submit(Amend(row))
        self._changed.clear()

    def _watch(self) -> None:
        """While there is anything to go back, somebody looks at it."""
        if time.monotonic() >= self._alone_until:
            self._flush()
        if self._timer is None and (self._open or self._spares or self._changed):
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = time.monotonic()
        alone = now < self._alone_until
        self._close([name for name, row in self._open.items() if not alone or now >= row.opened + life(row.rate)])
        self._give_spares(
            [name for name, spare in self._spares.items() if not alone or now - spare.touched > LIFE_SECONDS]
        )
        self._flush()
        self._watch()

    # --- what this process knows --------------------------------------------------------------------------------------

    def level(self, window: str, rate: Rate) -> Level:
        """The window as it was when this process last counted in it."""
        used, until_us, _ = self._levels.get(window, (0, 0, 0.0))
        left_us = until_us - now_us()
        return Level(used, left_us * 1_000) if left_us > 0 else Level(0, 0)

    def _note_full(self, full: Full) -> None:
        if isinstance(full.lacking, Want):
            name = full.lacking.window
            _, until_us, _ = self._levels.get(name, (0, 0, 0.0))
            self._note(name, full.used, max(until_us, now_us() + (full.wait_ns or 0) // 1_000), time.monotonic())

    def _note(self, name: str, used: int, until_us: int, now: float) -> None:
        self._levels[name] = used, until_us, now
        self._levels.move_to_end(name)
        while len(self._levels) > LEVELS_KEPT:
            self._levels.popitem(last=False)
