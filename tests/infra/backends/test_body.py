import asyncio
import time

import httpx
import pytest

from infra.backends.transport import Limits
from tests.infra.backends.test_transport import Talk, read_request, server, transport


def flowing(*parts: bytes, then: float = 0) -> Talk:
    """Answers requests on one connection, each part in a chunk of its own, and is silent before the last one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for part in parts:
                writer.write(b"%x\r\n%s\r\n" % (len(part), part))
                await writer.drain()
                await asyncio.sleep(0.001)
            await asyncio.sleep(then)
            writer.write(b"0\r\n\r\n")

    return talk


async def test_a_body_flows_to_its_end_and_its_connection_serves_the_next() -> None:
    parts = [b"%d" % number * (100_000 if number % 3 else 1) for number in range(10)]
    async with server(flowing(*parts)) as url, transport() as found:
        peers = set()
        for _ in range(3):
            answer = await found.exchange(b"POST", url, (), b"{}", Limits(2, 2, 2))
            peers.add(answer.body._connection.transport.get_extra_info("sockname"))  # type: ignore[union-attr]
            got: list[bytes] = []
            while chunk := await answer.body.read(2):
                got.append(chunk)
                await answer.body.flow(lambda data, got=got: got.append(data) or len(got) % 4 > 0, 2)  # type: ignore[misc]
            await answer.body.aclose()
            assert b"".join(got) == b"".join(parts)
        assert len(peers) == 1


async def test_silence_while_a_body_flows_is_a_read_timeout() -> None:
    async with server(flowing(b"one", b"two", then=9)) as url, transport() as found:
        answer = await found.exchange(b"POST", url, (), b"{}", Limits(2, 2, 2))
        got: list[bytes] = [await answer.body.read(2)]
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await answer.body.flow(lambda data: got.append(data) is None, 0.2)
        assert time.monotonic() - began < 2
        assert b"".join(got) == b"onetwo"
