"""A clock that somebody sets: nobody who lives is taken for dead, and who is dead is not taken for alive for ever."""

from typing import Any

import pytest

from infra.config.urls import database_url
from infra.ledger import clock
from infra.ledger.books import RequestRow
from infra.ledger.clock import LeaseClock
from infra.ledger.ledger import Ledger
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.store.models import Instance


@pytest.fixture
async def store(database: str) -> Any:
    found = Store(database_url(database))
    await found.open()
    yield found
    await found.close()


async def test_a_clock_that_goes_on_has_not_jumped(store: Store) -> None:
    watched = LeaseClock(store)
    assert [await watched.jumped() for _ in range(3)] == [False, False, False]


@pytest.mark.parametrize("seconds", [3_600, -3_600, 8, -8])
async def test_a_clock_that_is_set_is_noticed_once(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    store = Store(database_url(f"sqlite:///{tmp_path}/aethergate.db"))
    watched = LeaseClock(store)
    assert not await watched.jumped()
    monkeypatch.setattr(clock, "now_us", lambda: now_us() + seconds * SECOND_US)
    assert await watched.jumped()
    assert not await watched.jumped()


async def test_a_lease_from_before_the_clock_was_set_back_does_not_pin_the_holds_of_the_dead(store: Store) -> None:
    dead = Ledger(store, "inst_dead")
    await dead.start()
    user = await dead.open_user("ada", 10_000, actor="t", address="t")
    await dead.renew(None)
    await dead.hold(RequestRow("req_1", "HELD", "inst_dead", user.id, "key", "chat", "m", now_us()), 1_000, 1_000)
    await dead.stop()
    other = Ledger(store, "inst_other")
    await other.start()
    await other.renew(None)
    assert await other.recover(all_others=False) == 0  # its lease still runs
    await Instance.filter(id="inst_dead").update(lease_until_us=now_us() + 3_600 * SECOND_US)
    assert await other.recover(all_others=False) == 1
    assert (await other.money(user.id, fresh=True)).held == 0
    await other.stop()
