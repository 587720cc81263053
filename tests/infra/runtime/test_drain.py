"""SIGTERM and connections that are kept alive: none of their requests fails, and none holds the end back for long."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.runtime.listener import LINGER_SECONDS
from tests.standins.openai_backend import StandIn
from tests.standins.served import Served, served

BODY = {"model": "stand-in", "messages": [{"role": "user", "content": "one two"}]}
PATH = "/v1/chat/completions"


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(request: pytest.FixtureRequest, tmp_path: Path, backend: StandIn) -> AsyncIterator[Served]:
    count = getattr(request, "param", 1)
    async with served(tmp_path, backend.url, *(("--workers", "2") if count == 2 else ())) as found:
        await found.event("serving", count)
        yield found


one_and_two = pytest.mark.parametrize("gate", [1, 2], indirect=True, ids=["one process", "two workers"])


async def refused(gate: Served) -> None:
    """Waits until nobody listens any more."""
    address = httpx.URL(gate.url)
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(address.host, address.port)
            except (ConnectionRefusedError, ConnectionResetError):  # reset: it closed while we waited to be accepted
                return
            writer.close()
            await asyncio.sleep(0.05)


@one_and_two
async def test_a_request_on_an_open_connection_is_served_after_sigterm_and_is_the_last_on_it(gate: Served) -> None:
    async with httpx.AsyncClient(base_url=gate.url, headers={"authorization": f"Bearer {await gate.key()}"}) as http:
        assert "connection" not in (await http.post(PATH, json=BODY)).headers
        gate.signal(signal.SIGTERM)
        await refused(gate)
        answer = await http.post(PATH, json=BODY)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        began = asyncio.get_running_loop().time()
        assert await gate.ended() == 0
        assert asyncio.get_running_loop().time() - began < LINGER_SECONDS  # nothing idles any more


async def test_a_refusal_is_the_last_on_its_connection_too(gate: Served) -> None:
    async with httpx.AsyncClient(base_url=gate.url) as http:
        await http.get("/health/live")
        gate.signal(signal.SIGTERM)
        await refused(gate)
        answer = await http.get("/nowhere")
        assert (answer.status_code, answer.headers["connection"]) == (404, "close")
        assert await gate.ended() == 0


async def test_readiness_on_an_open_connection_says_no(gate: Served) -> None:
    async with httpx.AsyncClient(base_url=gate.url) as http:
        assert (await http.get("/health/ready")).status_code == 200
        gate.signal(signal.SIGTERM)
        await refused(gate)
        assert (await http.get("/health/ready")).status_code == 503
        assert await gate.ended() == 0


async def test_after_a_stream_that_began_before_sigterm_one_more_request_is_served_on_its_connection(
    gate: Served, backend: StandIn
) -> None:
    backend.script(pieces=20, delay=0.1)
    async with httpx.AsyncClient(base_url=gate.url, headers={"authorization": f"Bearer {await gate.key()}"}) as http:
        async with http.stream("POST", PATH, json={**BODY, "stream": True}) as answer:
            lines = answer.aiter_lines()
            assert (await anext(lines)).startswith("data: ")
            gate.signal(signal.SIGTERM)
            await refused(gate)
            assert [line async for line in lines if line][-1] == "data: [DONE]"
        backend.script(pieces=2)
        answer = await http.post(PATH, json=BODY)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert await gate.ended() == 0


async def test_nobody_is_waited_for_who_left_after_a_stream_that_began_before_sigterm(
    gate: Served, backend: StandIn
) -> None:
    backend.script(pieces=5, delay=0.1)
    async with gate.chat(await gate.key()) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        gate.signal(signal.SIGTERM)
        assert [line async for line in lines if line][-1] == "data: [DONE]"
    began = asyncio.get_running_loop().time()
    assert await gate.ended() == 0
    assert asyncio.get_running_loop().time() - began < LINGER_SECONDS - 1


@one_and_two
async def test_a_connection_that_idles_is_closed_a_while_after_sigterm(gate: Served) -> None:
    async with httpx.AsyncClient(base_url=gate.url) as http:
        await http.get("/health/live")
        began = asyncio.get_running_loop().time()
        gate.signal(signal.SIGTERM)
        assert await gate.ended() == 0
        assert LINGER_SECONDS - 1 < asyncio.get_running_loop().time() - began < LINGER_SECONDS + 10


@pytest.mark.parametrize("signals", [[signal.SIGTERM, signal.SIGTERM], [signal.SIGINT]], ids=["twice", "Ctrl-C"])
async def test_who_is_in_a_hurry_does_not_wait_for_connections_that_idle(
    gate: Served, signals: list[signal.Signals]
) -> None:
    async with httpx.AsyncClient(base_url=gate.url) as http:
        await http.get("/health/live")
        began = asyncio.get_running_loop().time()
        for number in signals:
            gate.signal(number)
            await asyncio.sleep(0.3)
        assert await gate.ended() == 0
        assert asyncio.get_running_loop().time() - began < LINGER_SECONDS - 1
