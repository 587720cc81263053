"""One seed: users, processes, faults, requests with every ending, an owner who moves money; then the proof."""

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from unittest import mock

from infra.errors import BillingUnavailable, GatewayError
from infra.ledger.books import RequestRow
from infra.ledger.ledger import Adjustment, Ledger, TopUp
from infra.ledger.operations import Opened, OpenUser, Post, Posted, Recover
from tests.simulate.loop import VirtualLoop
from tests.simulate.process import Live, Process, reach
from tests.simulate.proof import Truth, at_the_end, demand
from tests.simulate.world import POISON, SICK, Faults, World

USERS = ("user_a", "user_b", "user_c")
CALM_SECONDS = 90.0
"""How long the gateway has at the end to clear up: a lease, a look around, an outage."""


@dataclass
class Told:
    """What became of a seed."""

    seed: int
    processes: int
    commits: int
    requests: int
    finished: int
    deaths: int


def simulate(seed: int) -> Told:
    """Runs one seed from its first to its last second; raises Broken, Nothing or what the gateway raised."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        with tempfile.TemporaryDirectory(dir=_memory()) as folder, _unreal(loop, seed):
            return loop.run_until_complete(_Story(seed, Path(folder)).run())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _memory() -> str | None:
    """A disk that syncs at once, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


async def _nothing(*_: object) -> None:
    """In the place of what is not simulated."""


@contextlib.contextmanager
def _unreal(loop: VirtualLoop, seed: int) -> Iterator[None]:
    """Time is the loop's, and death comes by chance."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    chance = Random(seed).choice([0.0, 0.0, 0.01, 0.03])
    try:
        with (
            mock.patch("infra.ledger.ledger.now_us", lambda: int(loop.time() * 1e6) + 1),
            mock.patch("infra.ledger.clock.now_us", lambda: int(loop.time() * 1e6) + 1),
            mock.patch("infra.ledger.writer.time", SimpleNamespace(monotonic=loop.time)),
            mock.patch("infra.ledger.failpoint.reach", reach(chance)),
            mock.patch("infra.runtime.pulse._look_around", _nothing),  # the rooms that the simulation does not have
        ):
            yield
    finally:
        logging.disable(level)


class _Story:
    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.random = seed, Random(seed)
        self.seconds = self.random.uniform(10, 60)
        self.truth = Truth()
        self.world = World(self.random, self._faults())
        two = self.random.random() < 0.4
        apart = self.random.random() < 0.5
        self.processes = [
            Process(self.world, self.truth, self.random, who, folder / str(who if apart else 0), alone=not two)
            for who in range(2 if two else 1)
        ]
        self.count = 0
        faults = self.world.faults
        self.sick = faults.fail >= SICK or bool(faults.outages)
        """Whether the database is so bad that a living process may fail to renew its lease."""

    def _faults(self) -> Faults:
        rare = self.random.choice([0.0, 0.0, 0.02, 0.1])
        faults = Faults(hang=self.random.random() < 0.3)
        faults.fail, faults.lost_answer = self.random.choice([0.0, rare, 0.2]), self.random.choice([0.0, rare, 0.2])
        faults.crash_before, faults.crash_after = self.random.choice([0.0, rare / 4]), self.random.choice([0, rare / 4])
        for _ in range(self.random.choice([0, 0, 1, 2])):
            begin = self.random.uniform(1, self.seconds)
            faults.outages.append(
                (begin, begin + self.random.choice([0.3, 2, 9, 25]), self.random.choice([None, 0, 1]))
            )
        return faults

    async def run(self) -> Told:
        lives = [asyncio.create_task(process.live()) for process in self.processes]
        told = asyncio.create_task(self._tell())
        await asyncio.wait({*lives, told}, return_when=asyncio.FIRST_COMPLETED)
        for task in lives:
            if task.done():
                told.cancel()
                await task  # no life ends by itself: this raises why
        await told
        with mock.patch("infra.ledger.failpoint.reach", lambda _: None):
            for process in self.processes:
                process.stop()
            await asyncio.gather(*lives)
        demand(self.sick or not self.world.lapsed, f"leases ran out: {self.world.lapsed}")
        at_the_end(self.world.tables, self.truth, self.world.bereft if len(lives) == 2 else set())
        deaths = sum(process.deaths - 1 for process in self.processes)
        return Told(self.seed, len(lives), self.world.commits, self.count, len(self.truth.finished), deaths)

    async def _tell(self) -> None:
        for user in USERS:
            await self._open(user)
        await asyncio.gather(self._customers(), self._owner(), self._fate())
        self.world.faults = Faults()
        with mock.patch("infra.ledger.failpoint.reach", lambda _: None):
            await asyncio.sleep(CALM_SECONDS)

    async def _ledger(self) -> tuple[Process, Ledger]:
        """A process that serves, as a client that tries again finds it."""
        while True:
            process = self.random.choice(self.processes)
            if process.ledger is not None:
                return process, process.ledger
            await asyncio.sleep(0.05)

    async def _open(self, user: str) -> None:
        while True:
            _, ledger = await self._ledger()
            opening = OpenUser(user, user, self.random.choice([0, 500, 5_000, 10**6]), 1, "{}", "test", "here", 1)
            try:
                demand(isinstance(await ledger._soon(opening), Opened), f"{user} cannot be opened")
                return
            except BillingUnavailable:
                await asyncio.sleep(0.2)

    async def _fate(self) -> None:
        """kill -9 and power cuts at moments of their own."""
        often = self.random.choice([0.0, 0.0, 0.05, 0.2])
        while asyncio.get_running_loop().time() < self.seconds:
            await asyncio.sleep(self.random.uniform(0.2, 2))
            if self.random.random() < often:
                self.random.choice(self.processes).kill()
            elif self.random.random() < often / 4:
                for process in self.processes:
                    process.kill()
                self.world.power_cut()

    # --- the owner ----------------------------------------------------------------------------------------------------

    async def _owner(self) -> None:
        while asyncio.get_running_loop().time() < self.seconds:
            await asyncio.sleep(self.random.expovariate(1))
            _, ledger = await self._ledger()
            key, user = f"key_{self.random.randrange(40)}", self.random.choice(USERS)
            try:
                posted = await self._move(ledger, user, key)
            except GatewayError:
                continue
            if posted is not None:
                known = self.truth.posted.setdefault(posted.entry_id, posted.amount)
                demand(known == posted.amount, f"{posted.entry_id} was {known}, is {posted.amount}")

    async def _move(self, ledger: Ledger, user: str, key: str) -> Posted | None:
        amount = self.random.choice([10, 300, 4_000])
        match self.random.choice(["topup", "adjustment", "refund", "poison"]):
            case "topup":
                return await ledger.post(TopUp(user, amount, "", "test", "here", key))
            case "adjustment":
                amount = self.random.choice([-1, 1]) * amount
                return await ledger.post(Adjustment(user, amount, "", "test", "here", key))
            case "refund" if self.world.tables.requests:
                row = self.random.choice(sorted(self.world.tables.requests.values(), key=lambda row: row.id))
                back = Post(f"r:{row.id}:{key}", "refund", row.user_id, amount, row.id, "test", "here", "", 1)
                return await ledger._posted(back, Posted)
        await ledger._posted(Post(f"p:{key}", "topup", user, amount, None, "test", "here", POISON, 1), Posted)
        raise AssertionError("what no database can write was posted")

    # --- the customers ------------------------------------------------------------------------------------------------

    async def _customers(self) -> None:
        pause = self.random.choice([0.02, 0.2, 0.6])
        while asyncio.get_running_loop().time() < self.seconds and self.count < 150:
            await asyncio.sleep(self.random.expovariate(1 / pause))
            process, ledger = await self._ledger()
            self.count += 1
            process.spawn(self._request(process, ledger, f"req_{self.count:04d}"))

    async def _request(self, process: Process, ledger: Ledger, id: str) -> None:
        """As a Relay does it: hold, count what comes, settle or void; at its death nothing."""
        random, user = self.random, self.random.choice(USERS)
        live = Live(id, random.choice([0, 5, 60]), random.choice([0, 1, 7]))
        pieces = random.randrange(40)
        row = RequestRow(id, "HELD", ledger.instance, user, "key", "chat", "m", 1)
        patience = random.choice([None, None, None, 0.001, 0.03])
        try:
            async with asyncio.timeout(patience):
                want, least = live.prompt + pieces * live.each, live.prompt + min(4, pieces) * live.each
                held = await ledger.hold(row, want, least)
        except (TimeoutError, GatewayError):
            await ledger.void(row)
            return
        if live.each:
            pieces = min(pieces, (held.amount - live.prompt) // live.each)
        process.relays[id] = live
        await self._stream(live, pieces)
        process.relays.pop(id, None)
        await self._end(process, ledger, row, live, whole=live.pieces == pieces)

    async def _stream(self, live: Live, pieces: int) -> None:
        """The backend; the client may leave or the backend die after any piece."""
        self.truth.emitted[live.id] = live.prompt
        until = pieces if self.random.random() < 0.7 else self.random.randint(0, pieces)
        pace = self.random.choice([0.001, 0.05, 0.5])
        for _ in range(until):
            await asyncio.sleep(pace)
            live.pieces += 1
            self.truth.emitted[live.id] = live.cost

    async def _end(self, process: Process, ledger: Ledger, row: RequestRow, live: Live, whole: bool) -> None:
        final = replace(row, state="SETTLED", basis="measured")
        if not whole and self.random.random() < 0.3:
            several = [ledger.settle(final, live.cost), ledger.void(row)]
            self.random.shuffle(several)
            ledger.writer.submit(Recover(row.id, row.user_id, 1))
            await asyncio.gather(*several)
            return
        if not live.pieces:
            await ledger.void(row)
            return
        await ledger.settle(final, live.cost)
        demand(process.on_disk(live.id), f"the client of {live.id} was told the end, its bill is on no disk")
        if whole:
            self.truth.finished[live.id] = live.cost
