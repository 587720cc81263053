"""A chat through the client: every kind of event, and every way not to get one."""

import asyncio
import contextlib
from decimal import Decimal

import httpx
import pytest

from infra.client import ApiError, Said, Unreachable, chat

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
STREAM = """: queued position=3 eta=12s

data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}

data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}

data: {"choices": [{"delta": {"content": "hey"}, "finish_reason": "stop"}]}

data: {"choices": [], "usage": {"completion_tokens": 2, "cost": 0.000001}}

data: [DONE]

"""


def answering(status: int, text: str) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(status, text=text, headers={"x-request-id": "req_1"}))


async def heard(transport: httpx.AsyncBaseTransport) -> list[Said]:
    async with chat("http://gateway/", "sk-1", BODY, transport) as answer:
        assert answer.request_id == "req_1"
        return [said async for said in answer]


async def test_waiting_thought_text_and_usage_are_told_apart() -> None:
    waiting, role, thought, text, usage = await heard(answering(200, STREAM))
    assert waiting == Said(waiting="queued position=3 eta=12s")
    assert role == Said()
    assert (thought.reasoning, text.text, text.finish) == ("hm", "hey", "stop")
    assert usage.usage == {"completion_tokens": 2, "cost": Decimal("0.000001")}


async def test_a_refusal_and_an_error_in_the_stream_are_the_gateways_words() -> None:
    error = (
        '{"error": {"message": "no money", "type": "insufficient_quota", "param": null, "code": "insufficient_quota"}}'
    )
    for transport, status in ((answering(402, error), 402), (answering(200, f"data: {error}\n\n"), 200)):
        with pytest.raises(ApiError, match="no money") as found:
            await heard(transport)
        assert (found.value.status, found.value.code) == (status, "insufficient_quota")


async def test_what_is_no_gateway_is_a_sentence() -> None:
    for text in ("<html>", '{"detail": 1}', "[]"):
        with pytest.raises(Unreachable, match=r"no AetherGate \(HTTP 500\)"):
            await heard(answering(500, text))
    with pytest.raises(Unreachable, match="no gateway answers at http"):
        async with chat("http://127.0.0.1:9", "sk-1", BODY):
            pass


async def test_leaving_early_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: waiting for the model\n\n")
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass
        closed.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with chat(f"http://127.0.0.1:{port}", "sk-1", BODY) as answer:
            async for said in answer:
                assert said.waiting == "waiting for the model"
                break
        await asyncio.wait_for(closed.wait(), 5)
