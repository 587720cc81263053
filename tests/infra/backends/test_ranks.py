import asyncio

from infra.backends.queue import Rank
from tests.infra.backends.test_pool import A, backend, pool, server
from tests.standins.openai_backend import StandIn

__all__ = ["server"]


async def test_an_owners_key_is_served_before_whoever_waits(server: StandIn) -> None:
    async with pool(backend("a", server.url)) as found:
        seat, order = await found.seat([A], "u", 1), []

        async def come(user: str, rank: Rank) -> None:
            mine = await found.seat([A], user, 1, None, rank)
            order.append(user)
            mine.release()

        ranks = {"flex": Rank.IDLE, "one": Rank.FAIR, "two": Rank.FAIR, "owner": Rank.OWNER}
        tasks = [asyncio.create_task(come(user, rank)) for user, rank in ranks.items()]
        await asyncio.sleep(0.01)
        seat.release()
        await asyncio.gather(*tasks)
        assert order == ["owner", "one", "two", "flex"]
