"""Connections that a client has done with are given up at once: each that lingers holds an open file."""

import asyncio
import json
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


LONG = b"GET /health/live HTTP/1.1\r\nHost: gate\r\nx: " + b"x" * 70_000
CHUNKED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: gate\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: gate\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"CONNECT gate:80 HTTP/1.1\r\nHost: gate\r\n\r\n", 400),
        (LONG, 431),
    ],
)
async def test_what_is_no_request_is_refused_in_openais_shape(gate: Running, sent: bytes, status: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
    writer.write(sent)
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status) and b"connection: close" in head
    error = json.loads(body)["error"]
    assert (error["type"], set(error)) == ("invalid_request_error", {"message", "type", "param", "code"})
    writer.close()


async def test_a_body_that_breaks_its_own_form_is_answered(gate: Running) -> None:
    key = await gate.key()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
    writer.write(CHUNKED.replace(b"Host", b"Authorization: Bearer " + key.encode() + b"\r\nHost"))
    await asyncio.sleep(0.2)
    writer.write(b"ZZ\r\n\r\n")
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    assert (await gate.client.get("/health/live")).status_code == 200
