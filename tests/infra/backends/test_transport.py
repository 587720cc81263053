import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from infra.backends import transport as module
from infra.backends.transport import NOT_SENT, BackendTransport
from tests.standins.openai_backend import StandIn

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[str]:
    """A bare TCP server; `talk` may do anything wrong with a connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    found = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{found.sockets[0].getsockname()[1]}/v1/x"
    finally:
        found.close()


async def read_request(reader: asyncio.StreamReader) -> None:
    """One request with its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    await reader.readexactly(length)


@asynccontextmanager
async def transport() -> AsyncIterator[BackendTransport]:
    found = BackendTransport()
    try:
        yield found
    finally:
        await found.aclose()


def post(url: str, content: bytes = b"{}", **timeout: float) -> httpx.Request:
    return httpx.Request("POST", url, content=content, extensions={"timeout": timeout or {"connect": 2, "read": 2}})


async def test_a_refused_connect_is_not_sent() -> None:
    async with StandIn() as backend:
        url = backend.url
    async with transport() as found:
        with pytest.raises(httpx.ConnectError):
            await found.handle_async_request(post(url))


async def test_a_name_that_does_not_resolve_is_not_sent() -> None:
    async with transport() as found:
        with pytest.raises(httpx.ConnectError):
            await found.handle_async_request(post("http://no-such-host.invalid:1/"))


async def test_a_connect_that_hangs_is_not_sent() -> None:
    # A listener whose backlog is full takes no more connections: connects hang.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        async with transport() as found:
            with pytest.raises(httpx.ConnectTimeout):
                await found.handle_async_request(post(f"http://127.0.0.1:{address[1]}/", connect=0.3, answer=5))
        for filler in fillers:
            filler.close()


async def test_a_drop_after_the_request_was_read_may_have_been_sent() -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async with server(drop) as url, transport() as found:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await found.handle_async_request(post(url))
    assert not isinstance(caught.value, NOT_SENT)


async def test_a_reset_after_the_request_was_read_may_have_been_sent() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.transport.abort()

    async with server(reset) as url, transport() as found:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await found.handle_async_request(post(url))


async def test_garbage_instead_of_http_is_a_protocol_error() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        await writer.drain()

    async with server(babble) as url, transport() as found:
        with pytest.raises(httpx.RemoteProtocolError):
            await found.handle_async_request(post(url))


async def test_silence_before_the_answer_is_a_read_timeout() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(silence) as url, transport() as found:
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await found.handle_async_request(post(url, connect=2, read=9, answer=0.2))
    assert time.monotonic() - began < 2


async def test_a_body_that_is_cut_short_is_a_protocol_error() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await writer.drain()

    async with server(cut) as url, transport() as found:
        response = await found.handle_async_request(post(url))
        with pytest.raises(httpx.RemoteProtocolError):
            await response.aread()


async def test_silence_in_the_body_is_a_read_timeout() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await reader.read()

    async with server(stall) as url, transport() as found:
        response = await found.handle_async_request(post(url, connect=2, read=0.2))
        with pytest.raises(httpx.ReadTimeout):
            await response.aread()
        await response.aclose()


async def test_a_redirect_is_not_followed_and_cookies_are_not_kept() -> None:
    heads: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(2)
            writer.write(
                b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:9/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
            )

    async with server(redirect) as url, transport() as found:
        for _ in range(2):
            response = await found.handle_async_request(post(url))
            assert response.status_code == 302
            await response.aclose()
    assert b"cookie" not in heads[1].lower()


async def test_a_compressed_answer_is_read_as_plain() -> None:
    content = gzip.compress(b'{"ok":true}')

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(content) + content
        )

    async with server(answer) as url, transport() as found:
        response = await found.handle_async_request(post(url))
        assert await response.aread() == b'{"ok":true}'
        assert "content-encoding" not in response.headers


async def test_a_large_body_arrives_whole() -> None:
    async with StandIn() as backend, transport() as found:
        text = "x" * (3 * module.LARGE)
        body = b'{"messages":[{"role":"user","content":"' + text.encode() + b'"}]}'
        response = await found.handle_async_request(
            post(f"{backend.url}/v1/chat/completions", body, connect=5, read=10)
        )
        await response.aread()
        assert backend.seen[-1].body["messages"][0]["content"] == text


async def test_it_serves_below_an_httpx_client() -> None:
    async with StandIn() as backend, httpx.AsyncClient(transport=BackendTransport(), base_url=backend.url) as client:
        assert (await client.get("/v1/models")).json()["data"][0]["id"] == "stand-in"
        async with client.stream("POST", "/v1/chat/completions", json={"messages": [], "stream": True}) as response:
            assert [line async for line in response.aiter_lines()][-2] == "data: [DONE]"


async def test_connections_are_reused_and_given_up_before_servers_close_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.KEEPALIVE < 5
    monkeypatch.setattr(module, "KEEPALIVE", 0.3)
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with server(answer) as url, transport() as found:
        for pause in (0.0, 0.0, 0.5):
            await asyncio.sleep(pause)
            await (await found.handle_async_request(post(url))).aread()
    assert connections == 2


async def test_a_connection_closed_before_the_first_byte_of_a_request_is_replaced() -> None:
    """aiohttp says so by the words `closing transport`; a version that says it otherwise must fail here."""
    served = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        while True:
            await read_request(reader)
            served += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with server(answer) as url, transport() as found:
        await (await found.handle_async_request(post(url))).aread()
        connector = found._session.connector  # type: ignore[union-attr]
        take, closed = connector._get, 0  # type: ignore[union-attr]

        async def take_as_it_closes(key: Any, traces: Any) -> Any:
            """The server's FIN is handled between the choice of the connection and the first write."""
            nonlocal closed
            connection = await take(key, traces)
            if connection is not None:
                closed += 1
                asyncio.get_running_loop().call_soon(connection.transport.close)
            return connection

        connector._get = take_as_it_closes  # type: ignore[union-attr, method-assign]
        assert await (await found.handle_async_request(post(url))).aread() == b"ok"
    assert (served, closed) == (2, 1)


async def test_llama_cpp_closes_behind_streams_so_such_connections_are_not_reused() -> None:
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nTransfer-Encoding: chunked\r\n\r\n")
            await asyncio.sleep(0.02)
            writer.write(b"2\r\nok\r\n0\r\n\r\n")

    async with server(answer) as url, transport() as found:
        for _ in range(3):
            assert await (await found.handle_async_request(post(url))).aread() == b"ok"
    assert connections == 3


async def test_a_cancelled_request_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()
        gone.set()

    async with server(wait) as url, transport() as found:
        task = asyncio.create_task(found.handle_async_request(post(url)))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait_for(gone.wait(), 1)
        assert task.cancelled() or task.cancelling()
        await asyncio.gather(task, return_exceptions=True)
