"""Clients that send or read too slowly are cut at their deadline, and cost the others nothing."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.runtime import intake
from tests.infra.runtime.test_relay import CHAT, PATH
from tests.standins.openai_backend import StandIn
from tests.standins.running import Running, running

MANIFEST = """
gateway: {{database: "{database}", deadlines: {{headers: 1s, body: 1s}}}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 40, deadlines: {{client: 1s}}}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [GET /health, GET /health/live, GET /health/ready], function: functions.health, access: open}}
"""
LONG = "x" * 50_000


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, backend: StandIn) -> AsyncIterator[Running]:
    async with running(tmp_path, MANIFEST, None, backend=backend.url) as found:
        yield found


def connected(gate: Running, receive_bytes: int = 4096) -> socket.socket:
    """A socket with a small buffer, as over a slow line."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    found.setblocking(False)
    found.connect_ex(("127.0.0.1", int(gate.url.rpartition(":")[2])))
    return found


def request(key: str, body: dict[str, Any]) -> bytes:
    raw = json.dumps(body).encode()
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


def kept_by(gate: Running) -> int:
    """Connections of the gateway's port that a process still has open; the system alone keeps the rest (inode 0)."""
    port = f":{urlsplit(gate.url).port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for line in lines if line[1].endswith(port) and line[3] != "0A" and line[9] != "0")  # 0A: listens


async def ended(found: socket.socket, seconds: float) -> bytes:
    """What comes until the other side closes; raises TimeoutError."""
    loop, parts = asyncio.get_running_loop(), []
    async with asyncio.timeout(seconds):
        try:
            while part := await loop.sock_recv(found, 65536):
                parts.append(part)
        except ConnectionResetError:
            parts.append(b"(reset)")
    return b"".join(parts)


async def drip(found: socket.socket, data: bytes, every: float) -> None:
    """A byte at a time until the other side has closed."""
    loop = asyncio.get_running_loop()
    try:
        for byte in data:
            await loop.sock_sendall(found, bytes([byte]))
            await asyncio.sleep(every)
    except OSError:
        return


async def test_a_client_that_reads_a_byte_a_second_is_cut_and_billed_for_what_was_received(
    gate: Running, backend: StandIn
) -> None:
    backend.script(pieces=(LONG,) * 400, delay=0.002)
    key, loop = await gate.key(), asyncio.get_running_loop()
    before = kept_by(gate)
    sockets = [connected(gate) for _ in range(10)]
    for found in sockets:
        await loop.sock_sendall(found, request(key, {**CHAT, "stream": True}))

    async def read(found: socket.socket) -> None:
        while True:
            await loop.sock_recv(found, 1)
            await asyncio.sleep(1)

    readers = [asyncio.create_task(read(found)) for found in sockets]
    async with asyncio.timeout(30):
        while backend.running < 10:
            await asyncio.sleep(0.02)
        while backend.running:
            await asyncio.sleep(0.05)
    await gate.settled()
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    rows = await gate.requests()
    assert {(row.status, row.basis) for row in rows} == {(499, "partial")}
    assert all(0 < row.output_tokens < 400 and row.charged for row in rows)
    async with asyncio.timeout(5):  # the gateway's side of each connection is closed, whatever the client still has
        while kept_by(gate) > before:
            await asyncio.sleep(0.05)
    for found in sockets:
        found.close()


@pytest.mark.parametrize("data", [b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: " + b"a" * 500, b"G" * 500])
async def test_headers_that_come_a_byte_at_a_time_are_cut_at_their_deadline(gate: Running, data: bytes) -> None:
    sockets = [connected(gate) for _ in range(20)]
    began = time.monotonic()
    drips = [asyncio.create_task(drip(found, data, 0.1)) for found in sockets]
    ends = await asyncio.gather(*(ended(found, 10) for found in sockets))
    assert 0.9 < time.monotonic() - began < 8
    assert all(end.startswith((b"HTTP/1.1 408", b"(reset)")) for end in ends)
    await asyncio.gather(*drips)
    for found in sockets:
        found.close()


async def test_a_kept_connection_may_idle_longer_than_headers_may_take(
    gate: Running,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
    for _ in range(2):
        await asyncio.sleep(1.3)
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    writer.close()


async def test_a_body_that_comes_a_byte_at_a_time_is_refused_at_its_deadline(
    gate: Running, backend: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "DRAIN_SECONDS", 0.5)
    key = await gate.key()
    head, _, body = request(key, CHAT).partition(b"\r\n\r\n")
    sockets = [connected(gate) for _ in range(20)]
    loop = asyncio.get_running_loop()
    for found in sockets:
        await loop.sock_sendall(found, head + b"\r\n\r\n")
    drips = [asyncio.create_task(drip(found, body, 0.5)) for found in sockets]
    ends = await asyncio.gather(*(ended(found, 10) for found in sockets))
    assert all(end.startswith(b"HTTP/1.1 400") and b"did not arrive within" in end for end in ends)
    for task in drips:
        task.cancel()
    await asyncio.gather(*drips, return_exceptions=True)
    for found in sockets:
        found.close()
    assert not backend.seen
