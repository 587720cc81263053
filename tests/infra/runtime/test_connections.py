"""Connections that a client has done with are given up at once: each that lingers holds an open file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

ASK = b"GET /health/live HTTP/1.1\r\nHost: gate\r\n\r\n"


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Running]:
    async with StandIn() as backend, running(tmp_path, MANIFEST, None, backend=backend.url) as found:
        yield found


async def closed_by_the_gateway(gate: Running, sent: bytes) -> bool:
    """Whether the gateway closes its side soon after the client has closed its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
    try:
        if sent:
            writer.write(sent)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.1)  # the connection idles now
        writer.write_eof()
        async with asyncio.timeout(5):
            await reader.read()
        return True
    except TimeoutError:
        return False
    finally:
        writer.close()


@pytest.mark.parametrize("sent", [b"", ASK])
async def test_a_connection_that_the_client_closes_while_it_idles_is_closed_at_once(gate: Running, sent: bytes) -> None:
    assert await closed_by_the_gateway(gate, sent)


async def test_a_connection_that_idles_is_kept_for_the_next_request(gate: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
    for _ in range(3):
        writer.write(ASK)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
        await asyncio.sleep(0.2)
    writer.close()
