"""A client that leaves while its request is being booked does not stop the booking."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.errors import GatewayError
from infra.ledger.operations import Settle
from infra.ledger.sqlite_vault import SqliteVault
from infra.metering.meter import Meter
from infra.runtime.relay import Relay
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

CHAT: dict[str, Any] = {"model": "stand-in", "messages": [{"role": "user", "content": "one two three"}]}
PATH = "/v1/chat/completions"


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, backend: StandIn) -> AsyncIterator[Running]:
    async with running(tmp_path, MANIFEST, None, backend=backend.url) as found:
        yield found


async def test_a_client_that_leaves_while_tokens_are_counted_is_billed_all_the_same(
    gate: Running, backend: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.script(pieces=4, usage=False)
    counting = asyncio.Event()
    real = Meter.bill

    async def slow(self: Meter, *given: Any) -> Any:
        counting.set()
        await asyncio.sleep(0.3)
        return await real(self, *given)

    monkeypatch.setattr(Meter, "bill", slow)
    key = await gate.key()
    headers = {"authorization": f"Bearer {key}"}
    async with gate.client.stream("POST", PATH, json={**CHAT, "stream": True}, headers=headers) as answer:
        assert answer.status_code == 200
        await asyncio.wait_for(counting.wait(), 5)
    await gate.settled()
    (row,) = await gate.requests()
    assert (row.state, row.basis, row.output_tokens) == ("SETTLED", "estimated", 4)
    assert not gate.gateway.relays


async def test_two_who_end_a_request_at_once_book_it_once(gate: Running, backend: StandIn) -> None:
    backend.script(pieces=50, delay=0.02)
    key = await gate.key()
    headers = {"authorization": f"Bearer {key}"}
    async with gate.client.stream("POST", PATH, json={**CHAT, "stream": True}, headers=headers) as answer:
        await anext(answer.aiter_bytes())
        (relay,) = gate.gateway.relays.values()
        await asyncio.gather(relay.leave(), relay.leave(), gate.gateway.cut())
    await gate.settled()
    (row,) = await gate.requests()
    assert (row.state, row.basis) == ("SETTLED", "partial")


async def test_a_cut_that_cannot_be_told_is_booked_all_the_same(
    gate: Running, backend: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.script(pieces=50, delay=0.02)

    def broken(*_: Any) -> None:
        raise RuntimeError("it cannot be told")

    monkeypatch.setattr(Relay, "_finish", broken)
    headers = {"authorization": f"Bearer {await gate.key()}"}
    async with gate.client.stream("POST", PATH, json={**CHAT, "stream": True}, headers=headers) as answer:
        await anext(answer.aiter_bytes())
        (relay,) = gate.gateway.relays.values()
        while not relay.meter.pieces:
            await asyncio.sleep(0.01)
        await relay.leave(because=GatewayError("The owner has stopped it."))
    await gate.settled()
    (row,) = await gate.requests()
    assert (row.state, row.basis) == ("SETTLED", "partial")


async def test_the_slot_is_free_while_the_bill_is_still_being_written(
    gate: Running, backend: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.script(pieces=2)
    writing, go_on = asyncio.Event(), asyncio.Event()
    real = SqliteVault.commit

    async def slow(self: SqliteVault, operations: Any) -> Any:
        if any(isinstance(each, Settle) for each in operations):
            writing.set()
            await go_on.wait()
        return await real(self, operations)

    monkeypatch.setattr(SqliteVault, "commit", slow)
    headers = {"authorization": f"Bearer {await gate.key()}"}
    asking = asyncio.create_task(gate.client.post(PATH, json=CHAT, headers=headers))
    async with asyncio.timeout(10):
        await writing.wait()
    await asyncio.sleep(0.05)
    assert [state.busy for state in gate.gateway.pool.states()] == [0]
    assert not asking.done()  # the last byte waits for the bill
    go_on.set()
    assert (await asking).status_code == 200
