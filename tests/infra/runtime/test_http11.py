"""HTTP/1.1 on the wire: what RFC 9112 wants of a server, and what a client may get wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.runtime.exchange import Exchange
from infra.runtime.http11 import PIPELINED_MAX, Connection
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

LIVE = b"GET /health/live HTTP/1.1\r\nhost: gate\r\n\r\n"
CHAT = {"model": "stand-in", "messages": [{"role": "user", "content": "hi"}], "stream": True}


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Running]:
    async with StandIn() as backend, running(tmp_path, MANIFEST, None, backend=backend.url) as found:
        yield found


async def all_of(gate: Running, *parts: bytes, pause: float = 0.05) -> bytes:
    """Sends the parts with pauses between them and reads until the gateway closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
    for part in parts:
        writer.write(part)
        await asyncio.sleep(pause)
    async with asyncio.timeout(10):
        found = await reader.read()
    writer.close()
    return found


def closing(request: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


async def test_requests_sent_without_waiting_are_answered_in_order(gate: Running) -> None:
    missing = b"GET /nothing HTTP/1.1\r\nhost: gate\r\n\r\n"
    found = await all_of(gate, LIVE + missing + LIVE * PIPELINED_MAX * 2 + closing(missing))
    statuses = [part[:3] for part in found.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", *[b"200"] * PIPELINED_MAX * 2, b"404"]


@pytest.mark.parametrize("cut", [1, 10, len(LIVE) - 1])
async def test_a_head_in_pieces_is_one_head(gate: Running, cut: int) -> None:
    request = closing(LIVE)
    assert (await all_of(gate, request[:cut], request[cut:])).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_body_in_chunks_is_read_and_a_stream_comes_in_chunks(gate: Running) -> None:
    body = json.dumps(CHAT).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {await gate.key()}\r\n".encode()
    head += b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])]
    found = await all_of(gate, head, *chunks, b"0\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\ntransfer-encoding: chunked\r\n" in found
    assert b"data: [DONE]" in found
    assert found.endswith(b"\r\n0\r\n\r\n")


async def test_who_waits_for_100_continue_gets_it(gate: Running) -> None:
    body = json.dumps(CHAT).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {await gate.key()}\r\n"
    head += f"content-length: {len(body)}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
    found = await all_of(gate, head.encode(), body, pause=0.3)
    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_http10_gets_a_stream_that_ends_with_the_connection(gate: Running) -> None:
    body = json.dumps(CHAT).encode()
    head = f"POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer {await gate.key()}\r\n"
    found = await all_of(gate, f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    assert b"transfer-encoding" not in found
    assert found.endswith(b"data: [DONE]\n\n")


async def test_head_is_answered_without_a_body(gate: Running) -> None:
    found = await all_of(gate, closing(LIVE.replace(b"GET", b"HEAD")))
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert found.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"what is this\r\n\r\n", b"400"),
        (b"GET /health/live HTTP/1.1\r\nbad header\r\n\r\n", b"400"),
        (b"CONNECT gate:80 HTTP/1.1\r\nhost: gate\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", b"400"),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 40_000, b"431"),
    ],
    ids=["garbage", "header", "connect", "two framings", "two lengths", "long"],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(
    gate: Running, sent: bytes, status: bytes
) -> None:
    assert (await all_of(gate, sent)).startswith(b"HTTP/1.1 " + status)
    assert (await all_of(gate, closing(LIVE))).startswith(b"HTTP/1.1 200")


def test_a_line_break_in_a_header_of_an_answer_is_an_error() -> None:
    scope = {"method": "GET", "http_version": "1.1"}
    exchange = Exchange(None, scope, keep=True, expects=False)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="line break"):
        exchange._made_head(200, [(b"x-name", b"a\r\nset-cookie: b")])


async def test_who_sends_more_than_is_answered_is_not_read_for_a_while_and_loses_nothing(
    gate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    received = Connection.received

    def counted(connection: Connection, data: bytes) -> None:
        received(connection, data)
        waiting.append(len(connection._next))

    monkeypatch.setattr(Connection, "received", counted)
    many = 8_000
    found = await all_of(gate, LIVE, LIVE * many + closing(LIVE))
    assert found.count(b"HTTP/1.1 200 OK\r\n") == many + 2
    assert PIPELINED_MAX < max(waiting) < many * 0.6  # what came in one read, and no second one behind it


async def test_half_of_a_request_and_then_nothing_ends_with_the_client(gate: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
    writer.write(LIVE + LIVE[:20])
    await reader.readuntil(b"\r\n\r\n")
    writer.write_eof()
    await asyncio.wait_for(reader.read(), 5)
    writer.close()
