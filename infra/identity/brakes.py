"""How often one address may be wrong.

Only wrong attempts are counted and only they are refused: a right key from the same address, say an office behind one
router, still passes. Per process, which is enough against guessing (docs/libraries.md, aiolimiter).
"""

import asyncio
import ipaddress
from collections import OrderedDict

from aiolimiter import AsyncLimiter

from infra.units import MINUTES

ADDRESSES_MAX = 10_000


class Brakes:
    """A leaky bucket of wrong attempts per address; the addresses longest without one are forgotten first."""

    def __init__(self, per_minute: int, addresses_max: int = ADDRESSES_MAX) -> None:
        self._per_minute = per_minute
        self._addresses_max = addresses_max
        self._limiters: OrderedDict[str, AsyncLimiter] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def count(self, address: str) -> float | None:
        """Count a wrong attempt. None, or the seconds until the next one is taken where there were too many."""
        limiter = self._limiter(_network(address))
        if not limiter.has_capacity():
            return MINUTES / self._per_minute  # a full bucket has room for one more after at most this long
        await limiter.acquire()  # never waits: nothing runs between the question and this
        return None

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._limiters)

    def _limiter(self, network: str) -> AsyncLimiter:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a limiter belongs to the loop that it was first used in
            self._limiters.clear()
            self._loop = loop
        if network not in self._limiters:
            self._limiters[network] = AsyncLimiter(self._per_minute, MINUTES)
            if len(self._limiters) > self._addresses_max:
                self._limiters.popitem(last=False)
        self._limiters.move_to_end(network)
        return self._limiters[network]


def _without_port(address: str) -> str:
    """Some proxies name the port as well, which is another one with each connection."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.rpartition(":")
    return host if port.isdigit() and "." in host and ":" not in host else address


def _network(address: str) -> str:
    """An IPv6 customer has 2⁶⁴ addresses at hand: their /64 counts as one."""
    try:
        found = ipaddress.ip_address(_without_port(address))
    except ValueError:
        return address[:64]
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
