"""What is proved of other processes on this machine, and what follows for the holds of the dead."""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.ledger.books import RequestRow
from infra.ledger.ledger import Ledger
from infra.ledger.life import IDLE, Life, Process, Sign, bury, life, of, register
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import Instance
from tests.standins.child import child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is proved without /proc")


def found(process: Process) -> Life:
    return life(process.place, process.pid, process.born)


def myself() -> Process:
    me = of(os.getpid())
    assert me is not None
    return me


def test_a_process_is_there_however_still_it_stands_and_gone_once_it_was_killed() -> None:
    with child() as (running, process):
        assert found(process) is Life.THERE
        running.send_signal(signal.SIGSTOP)
        assert found(process) is Life.THERE
        running.kill()
        give_up = time.monotonic() + 10
        while found(process) is not Life.GONE:  # nobody has waited for it: it is a zombie
            assert time.monotonic() < give_up
            time.sleep(0.01)
        assert Path(f"/proc/{process.pid}").exists()
    assert found(process) is Life.GONE


def test_a_number_that_was_given_again_is_another_process() -> None:
    assert found(myself()) is Life.THERE
    assert found(replace(myself(), born=myself().born - 1)) is Life.GONE


@pytest.mark.parametrize("part", range(4))
def test_nothing_is_proved_of_another_machine_or_container(part: int) -> None:
    words = myself().place.split(" ")
    assert len(words) == 4  # boot, numbers, clock, name
    words[part] += "x"
    assert found(replace(myself(), place=" ".join(words))) is Life.UNKNOWN
    assert life(None, None, None) is Life.UNKNOWN


def test_nothing_is_proved_by_what_is_hidden_from_us(monkeypatch: pytest.MonkeyPatch) -> None:
    process = myself()
    monkeypatch.setattr("infra.ledger.life._stat", lambda _: None)
    assert found(process) is Life.UNKNOWN
    assert of(os.getpid()) is None


def test_a_process_says_by_its_name_that_nothing_runs() -> None:
    was, sign = Path("/proc/self/comm").read_text(), Sign()
    sign.show()
    sign.show()
    assert found(myself()) is Life.IDLE
    sign.take_down()
    assert (found(myself()), Path("/proc/self/comm").read_text()) == (Life.THERE, was)
    assert len(IDLE) <= 15, "the kernel keeps no more"


async def other(store: Store, name: str, process: Process | None, user: str) -> None:
    """One more process, with a hold."""
    ledger = Ledger(store, name)
    await ledger.start()
    await ledger.renew(None)
    await ledger.hold(RequestRow(f"req_{name}", "HELD", name, user, "key", "chat", "m", now_us()), 100, 100)
    await ledger.stop()
    if process is not None:
        await Instance.filter(id=name).update(place=process.place, pid=process.pid, born=process.born)


async def test_what_a_dead_process_of_this_machine_held_is_free_at_once_and_nothing_else(
    ledger: Ledger, store: Store
) -> None:
    user = (await ledger.open_user("ada", 1_000, actor="t", address="t")).id
    with child() as (_, alive), child() as (killed, dead):
        await other(store, "inst_alive", alive, user)
        await other(store, "inst_dead", dead, user)
        await other(store, "inst_elsewhere", replace(dead, place="another machine"), user)
        await other(store, "inst_unknown", None, user)
        await register(store, "inst_test")
        assert (await Instance.get(id="inst_test")).pid == os.getpid()
        await bury(store, "inst_test")
        assert not await Instance.filter(lease_until_us=0)
        killed.kill()
        killed.wait()
        await bury(store, "inst_test")
        assert [row.id for row in await Instance.filter(lease_until_us=0)] == ["inst_dead"]
        assert await ledger.recover(all_others=False, gone=True) == 1
        assert await ledger.recover(all_others=False) == 0, "the other leases run"
        assert (await ledger.money(user, fresh=True)).held == 300
        await Instance.filter(id="inst_alive").update(lease_until_us=1)
        assert await ledger.recover(all_others=False, gone=True) == 0
        assert await ledger.recover(all_others=False) == 1, "a lease that has run out is the end of a hold, as ever"


async def test_a_process_that_comes_back_finds_its_request_ended_once(ledger: Ledger, store: Store) -> None:
    user = (await ledger.open_user("ada", 1_000, actor="t", address="t")).id
    row = RequestRow("req_1", "HELD", "inst_other", user, "key", "chat", "m", now_us())
    back = Ledger(store, "inst_other")
    await back.start()
    await back.hold(row, 500, 500)
    await Instance.create(id="inst_other", started_us=1, lease_until_us=1)
    assert await ledger.recover(all_others=False) == 1
    bill: Any = await back.settle(row.changed(state="SETTLED", basis="measured", finished_us=now_us()), 400)
    assert (bill.state, bill.charged, bill.balance) == ("VOID", 0, 1_000)
    await back.stop()
