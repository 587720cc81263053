"""A serving process and its signals: nothing that was begun is cut, unless somebody is in a hurry."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.client import AdminClient
from infra.runtime.lock import DatabaseLock, DatabaseLocked
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY
from tests.standins.served import Served, served


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, backend: StandIn) -> AsyncIterator[Served]:
    async with served(tmp_path, backend.url) as found:
        await found.event("serving")
        yield found


async def test_a_running_stream_ends_properly_after_sigterm_while_nobody_new_is_let_in(
    gate: Served, backend: StandIn
) -> None:
    key = await gate.key()
    backend.script(pieces=20, delay=0.1)
    async with gate.chat(key) as response:
        lines = response.aiter_lines()
        assert (await anext(lines)).startswith("data: ")
        gate.signal(signal.SIGTERM)
        await gate.event("draining")
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient() as http:
                await http.get(f"{gate.url}/health")
        rest = [line async for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert sum("w1" in line for line in rest) >= 10
    assert await gate.ended() == 0
    assert gate.said == []


async def test_a_second_signal_ends_the_stream_with_an_error_event_and_bills_what_was_sent(
    gate: Served, backend: StandIn, tmp_path: Path
) -> None:
    key = await gate.key()
    backend.script(pieces=5, delay=0.05, hang_after=3)
    async with gate.chat(key) as response:
        lines = response.aiter_lines()
        seen = [line async for line in _until(lines, "w2")]
        gate.signal(signal.SIGINT)
        await gate.event("draining")
        gate.signal(signal.SIGINT)
        rest = [line async for line in lines if line]
    assert seen
    error = json.loads(rest[-1].removeprefix("data: "))["error"]
    assert error["code"] == "shutting_down"
    assert await gate.ended() == 0
    async with served(tmp_path, backend.url) as again:
        await again.event("serving")
        async with AdminClient(again.url, token=ADMIN_KEY) as admin:
            user = await admin.user("ada")
            assert user["held_nano"] == 0
            assert 10_000_000_000 - 2 * 1_000 - 64 * 2_000 <= user["balance_nano"] < 10_000_000_000
            assert (await admin.audit())["findings"] == []


async def _until(lines: AsyncIterator[str], word: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if word in line:
            return


async def test_what_runs_longer_than_the_drain_is_ended(tmp_path: Path, backend: StandIn) -> None:
    async with served(tmp_path, backend.url, drain="500ms") as gate:
        await gate.event("serving")
        key = await gate.key()
        backend.script(pieces=5, hang_after=2)
        async with gate.chat(key) as response:
            lines = response.aiter_lines()
            await anext(lines)
            gate.signal(signal.SIGTERM)
            rest = [line async for line in lines if line]
        assert "shutting_down" in rest[-1]
        assert await gate.ended() == 0


async def test_sighup_reads_the_file_again_and_a_faulty_one_changes_nothing(gate: Served, tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    good = path.read_text()
    path.write_text(good.replace("slots: 8", "slots: none"))
    gate.signal(signal.SIGHUP)
    [refused] = await gate.event("was not applied")
    assert 'gateway.yaml:4: backends.one.slots: "none"' in refused["event"]
    path.write_text(good.replace("slots: 8", "slots: 9"))
    gate.signal(signal.SIGHUP)
    [applied] = await gate.event("was read again")
    assert applied["changes"] == ["one: slots 8 → 9"]
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{gate.url}/health/ready")).status_code == 200


async def test_a_second_gateway_on_the_same_file_is_refused_in_a_sentence(
    gate: Served, tmp_path: Path, backend: StandIn
) -> None:
    async with served(tmp_path, backend.url) as second:
        assert await second.ended() == 1
        [sentence] = second.said
        assert sentence.startswith(f"aethergate: Another AetherGate process (pid {gate.process.pid} at {gate.url})")


async def test_a_port_in_use_is_one_sentence(tmp_path: Path, backend: StandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with served(tmp_path, backend.url, "--port", str(port)) as gate:
            assert await gate.ended() == 1
    assert gate.said == [
        f"aethergate: port {port} on 127.0.0.1 is in use: stop what listens there, or choose another with --port"
    ]


async def test_one_function_alone_serves_its_routes_and_health(tmp_path: Path, backend: StandIn) -> None:
    async with served(tmp_path, backend.url, "--only", "embeddings") as gate:
        await gate.event("serving")
        async with httpx.AsyncClient(base_url=gate.url) as http:
            assert (await http.get("/health")).status_code == 200
            assert (await http.post("/v1/embeddings", json={})).status_code == 401
            assert (await http.post("/v1/chat/completions", json={})).status_code == 404


async def test_an_unknown_function_is_one_sentence_with_the_one_that_was_meant(
    tmp_path: Path, backend: StandIn
) -> None:
    async with served(tmp_path, backend.url, "--only", "chat_completion") as gate:
        assert await gate.ended() == 1
        assert gate.said == ['aethergate: no function is called chat_completion; did you mean "chat_completions"?']


async def test_several_workers_on_sqlite_serve_and_say_why_one_is_the_default(tmp_path: Path, backend: StandIn) -> None:
    async with served(tmp_path, backend.url, "--workers", "2") as gate:
        await gate.event("a worker serves", 2)
        [sentence] = gate.said
        assert "why one is the default" in sentence
        async with gate.chat(await gate.key()) as answer:
            assert [line async for line in answer.aiter_lines() if line][-1] == "data: [DONE]"
        with pytest.raises(DatabaseLocked):
            DatabaseLock(tmp_path / "aethergate.db").acquire("")
        gate.signal(signal.SIGTERM)
        assert await gate.ended() == 0
    DatabaseLock(tmp_path / "aethergate.db").acquire("")


async def test_the_file_stays_locked_while_a_worker_outlives_its_parent(tmp_path: Path, backend: StandIn) -> None:
    backend.script(pieces=20, delay=0.1)
    async with served(tmp_path, backend.url, "--workers", "2") as gate:
        await gate.event("a worker serves", 2)
        async with gate.chat(await gate.key()) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            gate.signal(signal.SIGKILL)
            await asyncio.sleep(0.2)
            with pytest.raises(DatabaseLocked):
                DatabaseLock(tmp_path / "aethergate.db").acquire("")
            assert [line async for line in lines if line][-1] == "data: [DONE]"


async def test_an_offer_of_http2_is_answered_in_http11(gate: Served) -> None:
    host, port = gate.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    offer = "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    writer.write(f"GET /health HTTP/1.1\r\nHost: x\r\n{offer}\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"server:" not in answer.lower()


async def test_a_client_that_offered_http2_and_leaves_is_noticed(gate: Served, backend: StandIn) -> None:
    key = await gate.key()
    backend.script(pieces=3, hang_after=2)
    host, port = gate.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({"model": "stand-in", "messages": [{"role": "user", "content": "hi"}], "stream": True})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    head += f"Content-Length: {len(body)}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    writer.write((head + body).encode())
    assert b"w1" in await reader.readuntil(b"w1")
    writer.transport.abort()
    assert await backend.seen[-1].end() == "left"
