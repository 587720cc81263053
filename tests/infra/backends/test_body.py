import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import hypothesis.strategies as some
import pytest
from hypothesis import given, settings

from infra.backends.body import Body, Listening, chunk_of
from infra.backends.transport import Limits
from tests.infra.backends.test_transport import Talk, read_request, server, transport


def kept(got: list[bytes]) -> Callable[[bytes], bool]:
    """Takes all."""

    def take(data: bytes) -> bool:
        got.append(data)
        return True

    return take


def never(chunk: bytes) -> None:
    """Every chunk goes the long way."""


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
                await answer.body.flow(lambda data, got=got: got.append(data) or len(got) % 4 > 0, never, 2)  # type: ignore[misc]
            await answer.body.aclose()
            assert b"".join(got) == b"".join(parts)
        assert len(peers) == 1


async def test_silence_while_a_body_flows_is_a_read_timeout() -> None:
    async with server(flowing(b"one", b"two", then=9)) as url, transport() as found:
        answer = await found.exchange(b"POST", url, (), b"{}", Limits(2, 2, 2))
        got: list[bytes] = [await answer.body.read(2)]
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await answer.body.flow(kept(got), never, 0.2)
        assert time.monotonic() - began < 2
        assert b"".join(got) == b"onetwo"


def framed(part: bytes) -> bytes:
    """As a chunk of HTTP."""
    return b"%x\r\n%s\r\n" % (len(part), part)


class Socket:
    """What aiohttp asks of a transport."""

    def __init__(self) -> None:
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, *_: Any) -> None:
        return None

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Wire:
    """A body whose bytes a test puts into the socket, read by read."""

    async def __aenter__(self) -> "Wire":
        self.socket = Socket()
        self._protocol = Listening(asyncio.get_running_loop())
        self._protocol.connection_made(self.socket)  # type: ignore[arg-type]
        self._protocol.set_response_params(read_until_eof=True, auto_decompress=True)
        self.came(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        _, content = await self._protocol.read()
        connection = SimpleNamespace(protocol=self._protocol, close=self.socket.close)
        self.body = Body(content, connection, None)  # type: ignore[arg-type]
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._protocol.connection_lost(None)

    def came(self, data: bytes) -> None:
        self._protocol.data_received(data)


EVENT = b"data: one\n\n"
parts = some.one_of(
    some.sampled_from(
        [EVENT, EVENT, EVENT, b"data: two", b"more", framed(EVENT), b"data: " + framed(EVENT), framed(EVENT)[:-2]]
    ),
    some.binary(min_size=1, max_size=20),
    some.binary(max_size=20).map(lambda more: b"data: " + more),
)


async def test_a_body_is_the_same_however_it_arrives_and_whatever_goes_the_short_way() -> None:
    streams: list[tuple[list[bytes], list[bytes], list[bool | None]]] = []

    @settings(max_examples=1_500, deadline=None)
    @given(some.lists(parts, max_size=12), some.lists(some.integers(0, 400), max_size=3), some.data())
    def gather(bodies: list[bytes], cuts: list[int], more: Any) -> None:
        frames = [framed(part) for part in bodies] + [b"0\r\n\r\n"]
        ends = set(itertools.accumulate(map(len, frames)))
        if more.draw(some.booleans()):  # some chunks arrive together
            ends -= set(more.draw(some.lists(some.sampled_from(sorted(ends)), max_size=4)))
        whole = b"".join(frames)
        at = sorted({0, len(whole), *ends, *(cut % len(whole) for cut in cuts)})
        reads = [whole[a:b] for a, b in itertools.pairwise(at)]
        streams.append((bodies, reads, more.draw(some.lists(some.sampled_from([None, True]), min_size=1, max_size=5))))

    gather()
    short = 0
    for bodies, reads, answers in streams:
        async with Wire() as wire:
            got: list[bytes] = []
            says = itertools.cycle(answers)

            def quick(chunk: bytes, got: list[bytes] = got, says: Iterator[bool | None] = says) -> bool | None:
                nonlocal short
                if (more := next(says)) is not None:
                    got.append(chunk)
                    short += 1
                return more

            flowing = asyncio.ensure_future(wire.body.flow(kept(got), quick, 9))
            await asyncio.sleep(0)
            for read in reads:
                wire.came(read)
            await asyncio.wait_for(flowing, 9)
            assert b"".join(got) == b"".join(bodies)
            assert not wire.socket.closed
    assert short > 300  # else it tests nothing


async def test_nothing_goes_the_short_way_in_the_middle_of_a_chunk() -> None:
    async with Wire() as wire:
        flowing = asyncio.ensure_future(wire.body.flow(lambda _: True, lambda _: pytest.fail("the short way"), 9))
        await asyncio.sleep(0)
        wire.came(framed(EVENT))
        inner = framed(EVENT) * 3
        wire.came(b"%x\r\n" % len(inner))
        for _ in range(3):
            wire.came(framed(EVENT))
        wire.came(b"\r\n0\r\n\r\n")
        await flowing


async def test_who_has_had_enough_of_the_short_way_finds_the_rest_behind_it() -> None:
    async with Wire() as wire:
        long: list[bytes] = []
        flowing = asyncio.ensure_future(wire.body.flow(kept(long), lambda chunk: chunk != EVENT + b"2", 9))
        await asyncio.sleep(0)
        for number in range(4):
            wire.came(framed(EVENT + b"%d" % number))
        await flowing
        assert long == [EVENT + b"0"]
        assert await wire.body.read(1) == EVENT + b"3"


async def test_what_fails_on_the_short_way_reaches_whoever_waits_and_ends_the_connection() -> None:
    def broken(chunk: bytes) -> bool:
        raise LookupError(chunk)

    async with Wire() as wire:
        flowing = asyncio.ensure_future(wire.body.flow(lambda _: True, broken, 9))
        await asyncio.sleep(0)
        wire.came(framed(EVENT))
        wire.came(framed(EVENT))
        with pytest.raises(LookupError):
            await flowing
        assert wire.socket.closed


async def test_silence_after_the_short_way_is_a_read_timeout() -> None:
    async with Wire() as wire:
        began = time.monotonic()
        flowing = asyncio.ensure_future(wire.body.flow(lambda _: True, lambda _: True, 0.3))
        for _ in range(4):
            await asyncio.sleep(0.1)
            wire.came(framed(EVENT))
        with pytest.raises(httpx.ReadTimeout):
            await flowing
        assert 0.65 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        framed(b""),
        framed(b"one"),
        framed(EVENT) * 2,
        framed(EVENT)[:-2],
        b"0" + framed(EVENT),
        b"0\r\n\r\n",
    ],
)
def test_only_a_chunk_that_came_alone_and_begins_an_event_may_go_the_short_way(data: bytes) -> None:
    assert chunk_of(data) is None
    assert chunk_of(framed(EVENT)) == EVENT
