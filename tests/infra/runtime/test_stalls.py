"""Backends that are slow to connect, to begin, to go on and to end: each is left at its deadline."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.runtime.test_relay import CHAT, PATH, stream
from tests.standins.openai_backend import StandIn
from tests.standins.running import Running, running

MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 8, deadlines: {{{deadlines}}}}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 64}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
"""


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


def gated(folder: Path, url: str, deadlines: str) -> Any:
    return running(folder, MANIFEST, None, backend=url, deadlines=deadlines)


async def freed(gate: Running, seconds: float = 2) -> None:
    """The slot is free, nothing is held, and the books are right."""
    async with asyncio.timeout(seconds):
        while gate.gateway.pool.states()[0].busy:
            await asyncio.sleep(0.02)
    await gate.settled()


async def test_one_that_stalls_in_mid_stream_is_left_with_an_error_event(tmp_path: Path, backend: StandIn) -> None:
    backend.script(pieces=9, hang_after=3)
    async with gated(tmp_path, backend.url, "idle: 500ms") as gate:
        began = time.monotonic()
        events = await stream(gate, await gate.key(), {**CHAT, "stream": True})
        assert 0.4 < time.monotonic() - began < 10
        assert events[-1]["error"]["code"] == "backend_timeout"
        assert await backend.seen[-1].end() == "left"
        await freed(gate)
        (row,) = await gate.requests()
        assert (row.basis, row.output_tokens, row.status) == ("partial", 3, 504)
        assert gate.gateway.pool.states()[0].failures == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_one_that_does_not_begin_is_left(tmp_path: Path, backend: StandIn, streamed: bool) -> None:
    backend.script(first_delay=60)
    async with gated(tmp_path, backend.url, "first_byte: 500ms, total: 1s") as gate:
        answer = await gate.post(PATH, await gate.key(), {**CHAT, "stream": streamed})
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "backend_timeout")
        assert await backend.seen[-1].end() == "left"
        await freed(gate)
        assert [row.charged for row in await gate.requests()] == [0]


async def test_one_that_goes_on_for_too_long_is_left(tmp_path: Path, backend: StandIn) -> None:
    backend.script(pieces=60, delay=0.1)
    async with gated(tmp_path, backend.url, "total: 1s") as gate:
        events = await stream(gate, await gate.key(), {**CHAT, "stream": True})
        assert events[-1]["error"]["code"] == "backend_timeout"
        assert "longer than" in events[-1]["error"]["message"]
        await freed(gate)
        (row,) = await gate.requests()
        assert 1 <= row.output_tokens < 12
        assert gate.gateway.pool.states()[0].failures == 0, "it worked all the time"


async def test_a_model_that_is_known_to_be_loaded_has_less_time_to_begin(tmp_path: Path, backend: StandIn) -> None:
    backend.script(first_delay=60)
    async with gated(tmp_path, backend.url, "first_byte: 60s, first_byte_loaded: 500ms") as gate:
        station = gate.gateway.pool._stations["one"]
        station.adapter.known = type(station.probe)(up=True, loaded=("stand-in",))
        answer = await gate.post(PATH, await gate.key(), {**CHAT, "stream": True})
        assert answer.status_code == 504
        await freed(gate)


async def test_one_that_does_not_take_the_connection_is_left(tmp_path: Path) -> None:
    """A full backlog: the system answers no connect."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        async with gated(tmp_path, f"http://127.0.0.1:{full.getsockname()[1]}", "connect: 500ms") as gate:
            gate.gateway.pool._stations["one"].up = None  # the probe has found it out at the start
            began = time.monotonic()
            answer = await gate.post(PATH, await gate.key(), CHAT)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_backend")
            assert 0.4 < time.monotonic() - began < 5
            await freed(gate)
        for filler in fillers:
            filler.close()
