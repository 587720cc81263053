"""Several processes before one backend, each with a pool and connections of its own, on one real database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from infra.backends.lease import Lease
from infra.backends.pool import Pool
from infra.backends.share_vaults import share_vault
from infra.backends.shares import Claim, Report
from infra.backends.sharing import Sharing
from infra.config.objects import Backend, QueueSettings, Target
from infra.config.urls import database_url
from infra.ledger.ledger import Ledger
from infra.ledger.writer import Writer
from infra.store.database import Store
from infra.units import Rate
from tests.standins.openai_backend import StandIn
from tests.standins.served import until

A = Target("a", "model-a")


def backend(url: str, slots: int = 4, length: int = 64, wait: float = 30, pace: Rate | None = None) -> Backend:
    return Backend("a", "openai", url, slots=slots, queue=QueueSettings(length, wait), pace=pace)


class House:
    """A database, and the processes on it."""

    def __init__(self, store: Store, server: StandIn, stack: AsyncExitStack) -> None:
        self.store, self.server, self._stack = store, server, stack
        self.pools: list[Pool] = []

    async def pool(self, **settings: Any) -> Pool:
        """One more process; alive for 15 s."""
        name = f"inst_{len(self.pools)}"
        await self.renew(name)
        writer = Writer(share_vault(self.store, name), lambda _: None, dropped=(Report,))
        found = Pool({"a": backend(self.server.url, **settings)})
        lease = Lease()
        lease.renewed(lease.clock() + 3600)
        found.sharing = Sharing(writer, name, lease)
        await found.sharing.start()
        self._stack.push_async_callback(found.sharing.stop)
        await found.start()
        self._stack.push_async_callback(found.stop)
        self.pools.append(found)
        return found

    async def renew(self, name: str) -> None:
        ledger = Ledger(self.store, name)
        await ledger.start()
        await ledger.renew(None)
        await ledger.stop()

    async def held(self) -> dict[str, int]:
        """Slots by process, as the database has it."""
        rows = await self.store.rows("SELECT instance, slots FROM slot_shares ORDER BY instance")
        return {row["instance"]: row["slots"] for row in rows}

    async def comes_to(self, *slots: int) -> None:
        """Waits until the processes hold so many, however busy the machine is; raises TimeoutError."""
        async with asyncio.timeout(20):
            while tuple((await self.held()).values()) != slots:
                await asyncio.sleep(0.02)

    async def knows(self) -> None:
        """Waits until every process has heard of every other one."""
        await until(lambda: all(len(others_of(pool)) == len(self.pools) - 1 for pool in self.pools))


def others_of(pool: Pool) -> tuple[Claim, ...]:
    """As far as this process has heard of them."""
    holding = pool._stations["a"].holding
    assert holding is not None
    return holding.others


@asynccontextmanager
async def house(database: str) -> AsyncIterator[House]:
    store = Store(database_url(database))
    await store.open()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        yield House(store, await stack.enter_async_context(StandIn()), stack)
