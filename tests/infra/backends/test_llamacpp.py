"""The adapters `openai` and `llamacpp` against a real llama.cpp server."""

import asyncio
import base64
import json
import struct
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.config.objects import AdapterName, Backend
from infra.errors import BadRequest, ContextTooLong
from tests.infra.backends.talk import HELLO, stream, text, usages, whole
from tests.standins.llama import MODEL, Llama

EMOJI = 'root ::= "🌍 hi"'


@pytest.fixture(params=["llamacpp", "openai"])
async def either(request: pytest.FixtureRequest, llama: Llama) -> AsyncIterator[Adapter]:
    found = make(Backend("box", request.param, llama.url))
    yield found
    await found.close()


@pytest.fixture
async def adapter(llama: Llama) -> AsyncIterator[Adapter]:
    found = make(Backend("box", "llamacpp", llama.url))
    yield found
    await found.close()


def test_this_is_a_real_llama_cpp_server(llama: Llama) -> None:
    assert httpx.get(f"{llama.url}/health").headers["server"] == "llama.cpp"


async def test_a_plain_and_a_streamed_chat_with_usage(either: Adapter) -> None:
    answer = await whole(either, "chat", messages=HELLO, max_tokens=4)
    assert answer["usage"]["completion_tokens"] == 4
    events = await stream(either, "chat", messages=HELLO, max_tokens=4)
    assert [usage["completion_tokens"] for usage in usages(events)] == [4]
    assert usages(events)[0]["prompt_tokens"] == answer["usage"]["prompt_tokens"] == 32
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-1]["choices"] == []


async def test_requests_right_behind_streams_do_not_meet_the_closed_connection(either: Adapter) -> None:
    for _ in range(10):
        await stream(either, "chat", messages=HELLO, max_tokens=1)
        assert (await either.fetch("POST", "/tokenize", {"content": "hi"}))[0] == 200


async def test_the_first_delta_has_a_role_also_where_llama_cpp_forgets_it(adapter: Adapter, llama: Llama) -> None:
    body = {"messages": HELLO, "max_tokens": 12, "stream": True, "grammar": EMOJI}
    async with httpx.AsyncClient(timeout=30) as client:
        raw = (await client.post(f"{llama.url}/v1/chat/completions", json=body)).text
    first = json.loads(raw.split("\n\n")[0].removeprefix("data: "))
    assert "role" not in first["choices"][0]["delta"], "llama.cpp has mended this: the repair may go"
    events = await stream(adapter, "chat", messages=HELLO, max_tokens=12, grammar=EMOJI)
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert text(events) == "🌍 hi"


async def test_several_answers_are_counted_all(adapter: Adapter) -> None:
    answer = await whole(adapter, "chat", messages=HELLO, max_tokens=4, n=3, temperature=0)
    assert answer["usage"]["completion_tokens"] == 12
    assert answer["usage"]["prompt_tokens"] == 32
    assert answer["usage"]["total_tokens"] == 32 + answer["usage"]["completion_tokens"]
    events = await stream(adapter, "chat", messages=HELLO, max_tokens=4, n=3)
    assert [usage["completion_tokens"] for usage in usages(events)] == [12]
    assert events[-1]["usage"]["prompt_tokens"] == 32
    assert all(event["choices"] for event in events[:-1])


async def test_several_prompts_are_counted_all(adapter: Adapter) -> None:
    prompts = ["one two three four", "a b"]
    sent = [await adapter.count_prompt("completion", {"prompt": one}, MODEL) for one in prompts]
    events = await stream(adapter, "completion", prompt=prompts, max_tokens=3)
    assert [usage["completion_tokens"] for usage in usages(events)] == [6]
    assert events[-1]["usage"]["prompt_tokens"] == sum(count or 0 for count in sent) == 6
    answer = await whole(adapter, "completion", prompt=prompts, max_tokens=3, temperature=0)
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (6, 6)


async def test_completions_have_usage_in_an_event_of_its_own_and_logprobs_in_the_legacy_shape(adapter: Adapter) -> None:
    events = await stream(adapter, "completion", prompt="a b", max_tokens=2, logprobs=2)
    assert [bool(event.get("usage")) for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["choices"] == []
    answer = await whole(adapter, "completion", prompt="a b", max_tokens=2, logprobs=2, temperature=0)
    found = answer["choices"][0]["logprobs"]
    assert "".join(found["tokens"]) == answer["choices"][0]["text"]
    assert len(found["token_logprobs"]) == len(found["top_logprobs"]) == 2
    assert all(len(top) == 2 for top in found["top_logprobs"])
    assert found["text_offset"] == [0, len(found["tokens"][0])]


async def test_embeddings_as_numbers_and_in_base64_are_the_same(either: Adapter) -> None:
    numbers = await whole(either, "embedding", input=["hello world", "cat"])
    packed = await whole(either, "embedding", input=["hello world", "cat"], encoding_format="base64")
    for plain, coded in zip(numbers["data"], packed["data"], strict=True):
        found = struct.unpack(f"<{len(plain['embedding'])}f", base64.b64decode(coded["embedding"]))
        assert found == pytest.approx(plain["embedding"], abs=1e-5)
    assert numbers["usage"]["prompt_tokens"] == 3


async def test_the_tokenizer_counts_what_the_usage_says(adapter: Adapter) -> None:
    conversation = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Tell me of 🌍 and żółw."}]
    answer = await whole(adapter, "chat", messages=conversation, max_tokens=1)
    assert await adapter.count_prompt("chat", {"messages": conversation}, MODEL) == answer["usage"]["prompt_tokens"]
    assert await adapter.count_text(MODEL, "hi there") == 2
    assert await adapter.count_prompt("embedding", {"input": ["hello world", [1, 2, 3]]}, MODEL) == 5


async def test_a_prompt_over_the_context_is_told_with_the_numbers(either: Adapter) -> None:
    long = [{"role": "user", "content": "hello " * 3000}]
    for ask in (whole, stream):
        with pytest.raises(ContextTooLong, match=r"maximum context length is 2048 tokens.*3031 tokens"):
            await ask(either, "chat", messages=long, max_tokens=2)
    with pytest.raises(ContextTooLong, match=r"2048 tokens.*3001 tokens"):
        await whole(either, "embedding", input="hello " * 3000)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"messages": HELLO, "tools": "x"},
        {"messages": HELLO, "tools": [{"type": "function"}]},
        {"messages": HELLO, "tools": [1]},
        {"messages": HELLO, "temperature": "hot"},
        {"messages": HELLO, "response_format": {"type": "zork"}},
        {"messages": HELLO, "n": 99},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}]}
            ]
        },
        {
            "messages": [
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "aaaa", "format": "wav"}}]}
            ]
        },
    ],
)
async def test_mistakes_of_the_client_are_400_whatever_llama_cpp_calls_them(either: Adapter, body: Any) -> None:
    for ask in (whole, stream):
        with pytest.raises(BadRequest):
            await ask(either, "chat", max_tokens=2, **body)


async def test_structured_output_and_logprobs_pass(either: Adapter) -> None:
    schema = {"name": "x", "schema": {"type": "object", "properties": {"ok": {"const": True}}, "required": ["ok"]}}
    answer = await whole(
        either,
        "chat",
        messages=HELLO,
        max_tokens=40,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": schema},
    )
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"ok": True}
    answer = await whole(either, "chat", messages=HELLO, max_tokens=2, temperature=0, logprobs=True, top_logprobs=2)
    assert len(answer["choices"][0]["logprobs"]["content"]) == 2


@pytest.mark.parametrize("kind", ["llamacpp", "openai"])
async def test_a_closed_stream_frees_the_servers_slot(llama: Llama, kind: AdapterName) -> None:
    adapter = make(Backend("box", kind, llama.url))
    prepared = adapter.prepare("chat", {"messages": HELLO, "stream": True, "max_tokens": 1500, "ignore_eos": True}, "u")
    replies = [await adapter.ask("chat", prepared.body, True, f"req_{number}") for number in range(4)]
    for reply in replies:
        await anext(reply.events())
    assert await busy(llama) > 0
    began = time.monotonic()
    for reply in replies:
        await reply.close()
    while await busy(llama):
        assert time.monotonic() - began < 3  # 1 s is the promise; this machine may be busy with other tests
        await asyncio.sleep(0.02)
    await adapter.close()


async def busy(llama: Llama) -> int:
    async with httpx.AsyncClient() as client:
        return sum(slot["is_processing"] for slot in (await client.get(f"{llama.url}/slots")).json())


async def test_a_probe_tells_context_slots_and_models_and_no_path(adapter: Adapter) -> None:
    found = await adapter.probe()
    assert (found.up, found.models, found.context, found.slots) == (True, (MODEL,), 2048, 4)
    assert found.contexts == {MODEL: 2048}
    assert (found.loaded, found.running, found.waiting) == ((MODEL,), 0, None), "it runs without --metrics"
    assert "gguf" not in repr(found)


async def test_counting_a_prompt_fetches_nothing_that_a_request_may_not(adapter: Adapter) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/a.png"}}]
    with pytest.raises(BadRequest, match="data: URL"):
        await adapter.count_prompt("chat", {"messages": [{"role": "user", "content": parts}]}, MODEL)


def test_a_model_that_is_called_by_its_path_is_shown_by_its_file(adapter: Adapter) -> None:
    found = adapter.read_models({"data": [{"id": "/srv/models/qwen.gguf", "meta": {"n_ctx": 4096}}]})  # type: ignore[attr-defined]
    assert (found.models, found.contexts) == (("qwen.gguf",), {"qwen.gguf": 4096})
