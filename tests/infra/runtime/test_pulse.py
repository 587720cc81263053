"""What beats once a second: money first, whatever else fails."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from infra.backends.lease import Lease
from infra.runtime import pulse


async def _no() -> bool:
    return False


async def _nobody() -> None:
    return None


CLOCK = SimpleNamespace(jumped=_no)


def beating_alone(ledger: Any) -> Any:
    """A gateway with no other room than the ledger."""
    pool = SimpleNamespace(sharing=None)
    ledger.bury = _nobody
    return SimpleNamespace(relays={}, ledger=ledger, lease=Lease(), pool=pool, url="http://here", alone=False)


async def test_a_room_that_fails_at_every_beat_does_not_keep_the_holds_of_the_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulse, "CHECKPOINT_SECONDS", 0.001)
    recovered = asyncio.Event()

    async def renew(_: object) -> None:
        return None

    async def recover(*, all_others: bool, gone: bool) -> int:
        if not gone:
            recovered.set()
        return 0

    ledger = SimpleNamespace(renew=renew, recover=recover, clock=CLOCK)
    gateway = beating_alone(ledger)
    beating = asyncio.create_task(pulse.beat(gateway, True))
    try:
        await asyncio.wait_for(recovered.wait(), 10)
    finally:
        beating.cancel()


async def test_after_a_database_that_was_away_nobody_is_declared_dead_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "CHECKPOINT_SECONDS", 0.001)
    told: list[str] = []

    async def renew(_: object) -> None:
        told.append("renew")
        if told.count("renew") == 1:
            raise OSError("the database is away")

    async def recover(*, all_others: bool, gone: bool) -> int:
        told.append("gone" if gone else "recover")
        return 0

    gateway = beating_alone(SimpleNamespace(renew=renew, recover=recover, clock=CLOCK))
    gateway.lease.renewed(gateway.lease.clock() + 3600)
    beating = asyncio.create_task(pulse.beat(gateway, True))
    async with asyncio.timeout(10):
        while "recover" not in told:
            await asyncio.sleep(0.001)
    beating.cancel()
    assert "gone" in told, "those who were seen to be gone are resolved meanwhile"
    beats_of_quiet = (told[: told.index("recover")].count("renew") - 1) * pulse.LEASE_EVERY
    assert beats_of_quiet >= pulse.QUIET_BEATS - pulse.LEASE_EVERY
