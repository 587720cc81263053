"""The real `openai` package against a running gateway in front of a real llama.cpp server."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from infra.config.objects import Limits
from infra.units import rate
from tests.standins.llama import Llama
from tests.standins.running import Running, running
from tests.stories.money import INPUT, OUTPUT, balance, cost

MODEL = "smollm2:135m"
"""Nano-units per token at 0.10 and 0.40 per million."""
MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  box: {{adapter: llamacpp, url: "{llama}", slots: 4, queue: {{length: 32, wait: 60s}}}}
models:
  "smollm2:135m": {{backend: "box/smollm2:135m", price: {{input: 0.10/1M, output: 0.40/1M}}, max_output: 256}}
  other/model: {{backend: "box/smollm2:135m", price: {{input: 1.00/1M, output: 1.00/1M}}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [POST /v1/completions], function: functions.completions}}
  - {{routes: [POST /v1/embeddings], function: functions.embeddings}}
  - {{routes: [GET /v1/models, "GET /v1/models/{{id:path}}"], function: functions.models}}
  - {{routes: [GET /health], function: functions.health, access: open}}
"""
HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
async def gate(tmp_path: Path, llama: Llama) -> AsyncIterator[Running]:
    async with running(tmp_path, MANIFEST, llama=llama.url) as found:
        yield found


async def test_models_are_listed_and_retrieved(client: AsyncOpenAI) -> None:
    listed = [model.id async for model in client.models.list()]
    assert listed == [MODEL, "other/model"]
    for name in listed:
        model = await client.models.retrieve(name)
        assert (model.id, model.object) == (name, "model")
        assert model.created > 1_700_000_000
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve("nope")
    assert caught.value.code == "model_not_found"


async def test_a_plain_chat_costs_exactly_its_usage(gate: Running, client: AsyncOpenAI) -> None:
    before = await balance(gate)
    answer = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12)
    assert answer.model == MODEL
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert before - await balance(gate) == cost(answer.usage) > 0


async def test_a_streamed_chat_costs_exactly_its_usage(gate: Running, client: AsyncOpenAI) -> None:
    before = await balance(gate)
    chunks = [
        chunk
        async for chunk in await client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=12, stream=True, stream_options={"include_usage": True}
        )
    ]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert {chunk.model for chunk in chunks} == {MODEL}
    usage = chunks[-1].usage
    assert usage is not None and chunks[-1].choices == []
    assert before - await balance(gate) == cost(usage) > 0


async def test_without_include_usage_no_chunk_carries_any(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=6, stream=True)
    chunks = [chunk async for chunk in stream]
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason in ("length", "stop")


async def test_a_stream_closed_after_five_chunks_costs_something_and_the_client_goes_on(
    gate: Running, client: AsyncOpenAI
) -> None:
    before = await balance(gate)
    stream = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Tell a very long story."}], max_tokens=200, stream=True
    )
    seen = 0
    async for _ in stream:
        seen += 1
        if seen == 6:
            break
    await stream.close()
    for _ in range(100):
        if not gate.gateway.relays:
            break
        await asyncio.sleep(0.05)
    spent = before - await balance(gate)
    row = (await gate.requests())[-1]
    assert (row.state, row.basis) == ("SETTLED", "partial")
    assert 5 <= row.output_tokens < 200
    assert spent == row.input_tokens * INPUT + row.output_tokens * OUTPUT
    await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=3)


async def test_every_common_parameter_is_taken(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "developer", "content": "Be brief."}, *HELLO],
        max_completion_tokens=8,
        temperature=0.5,
        top_p=0.9,
        n=2,
        stop=["\n\n"],
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.1,
        logit_bias={"100": -1},
        logprobs=True,
        top_logprobs=2,
        user="u-1",
        metadata={"a": "b"},
        store=False,
        extra_body={"top_k": 20, "min_p": 0.05},
    )
    assert sorted(choice.index for choice in answer.choices) == [0, 1]
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None and logprobs.content and len(logprobs.content[0].top_logprobs) == 2
    assert answer.usage is not None and 1 < answer.usage.completion_tokens <= 16


async def test_several_answers_are_all_billed(gate: Running, client: AsyncOpenAI) -> None:
    before = await balance(gate)
    answer = await client.chat.completions.create(
        model=MODEL, messages=HELLO, n=3, max_tokens=5, extra_body={"ignore_eos": True}
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 5
    assert before - await balance(gate) == cost(answer.usage)


async def test_an_unknown_field_is_dropped_and_named(client: AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model=MODEL, messages=HELLO, max_tokens=3, extra_body={"zork": 1}
    )
    assert raw.headers["x-aethergate-ignored"] == "zork"


async def test_tools_and_json_schemas_pass_through(client: AsyncOpenAI) -> None:
    tools: list[Any] = [
        {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {"type": "object"}}}
    ]
    answer = await client.chat.completions.create(model=MODEL, messages=HELLO, tools=tools, max_tokens=5)
    assert answer.choices
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    shaped = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Answer in JSON."}],
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}},
        max_tokens=60,
    )
    assert isinstance(json.loads(shaped.choices[0].message.content or "")["ok"], bool)


async def test_text_completions_plain_and_streamed(gate: Running, client: AsyncOpenAI) -> None:
    before = await balance(gate)
    answer = await client.completions.create(model=MODEL, prompt=["Once upon", "The sea is"], max_tokens=4)
    assert len(answer.choices) == 2
    assert answer.usage is not None and answer.usage.completion_tokens > 4
    assert before - await balance(gate) == cost(answer.usage)
    stream = await client.completions.create(model=MODEL, prompt="Once upon", max_tokens=4, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert all(chunk.usage is None for chunk in chunks)


async def test_embeddings_as_numbers_and_as_base64_are_the_same(gate: Running, client: AsyncOpenAI) -> None:
    before = await balance(gate)
    numbers = await client.embeddings.create(model=MODEL, input=["hello", "world"], encoding_format="float")
    packed = await client.embeddings.create(model=MODEL, input=["hello", "world"], encoding_format="base64")
    text: Any = packed.data[0].embedding
    unpacked = struct.unpack(f"<{len(numbers.data[0].embedding)}f", base64.b64decode(text))
    assert unpacked == pytest.approx(numbers.data[0].embedding, abs=1e-5)
    plain = await client.embeddings.create(model=MODEL, input="hello")
    assert len(plain.data[0].embedding) == len(unpacked)
    total = numbers.usage.prompt_tokens + packed.usage.prompt_tokens + plain.usage.prompt_tokens
    assert before - await balance(gate) == total * INPUT


async def test_raw_headers_tell_id_limits_and_cost(gate: Running) -> None:
    key = await gate.key(limits=Limits(requests=rate("60/m"), tokens=rate("200K/m")))
    async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=key) as client:
        raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=3)
        assert raw.headers["x-request-id"].startswith("req_")
        assert raw.headers["x-ratelimit-limit-requests"] == "60"
        assert raw.headers["x-ratelimit-remaining-requests"] == "59"
        assert raw.headers["x-ratelimit-limit-tokens"] == "200000"
        assert int(raw.headers["openai-processing-ms"]) >= 0
        assert float(raw.headers["x-aethergate-cost"]) > 0
        streamed = await client.chat.completions.with_raw_response.create(
            model=MODEL, messages=HELLO, max_tokens=3, stream=True
        )
        assert streamed.headers["x-ratelimit-remaining-requests"] == "58"
        assert streamed.headers["cache-control"] == "no-cache"
        assert streamed.headers["x-request-id"]
        async for _ in streamed.parse():
            pass


async def test_a_token_limit_counts_tokens_and_not_bytes(gate: Running, client: AsyncOpenAI) -> None:
    narrow = client.with_options(api_key=await gate.key("narrow", "1.00", limits=Limits(tokens=rate("600/m"))))
    words: list[Any] = [{"role": "user", "content": "word " * 400}]  # 2,000 bytes, some 430 tokens
    raw = await narrow.chat.completions.with_raw_response.create(model=MODEL, messages=words, max_tokens=3)
    used = raw.parse().usage
    assert used is not None and 400 < used.total_tokens < 600
    with pytest.raises(openai.RateLimitError, match="Used"):
        await narrow.chat.completions.create(model=MODEL, messages=words, max_tokens=3)


async def test_each_error_is_the_sdks_own_exception(gate: Running, client: AsyncOpenAI) -> None:
    async def ask(client: AsyncOpenAI, **more: Any) -> None:
        await client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "max_tokens": 3, **more})

    def other(key: str) -> AsyncOpenAI:
        return client.with_options(api_key=key)

    with pytest.raises(openai.AuthenticationError, match="Incorrect API key provided"):
        await ask(other("sk-wrong"))
    with pytest.raises(openai.APIStatusError) as poor:
        await ask(other(await gate.key("poor", "0.000000001")))
    assert (poor.value.status_code, poor.value.code) == (402, "insufficient_quota")
    with pytest.raises(openai.NotFoundError):
        await ask(client, model="nope")
    with pytest.raises(openai.BadRequestError) as bad:
        await ask(client, temperature=99)
    assert bad.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as long:
        await ask(client, messages=[{"role": "user", "content": "word " * 5_000}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.APIStatusError) as large:
        await ask(client, messages=[{"role": "user", "content": "x" * 9_000_000}])
    assert large.value.status_code == 413
    limited = other(await gate.key("limited", "1.00", limits=Limits(requests=rate("1/m"))))
    await ask(limited)
    with pytest.raises(openai.RateLimitError) as often:
        await ask(limited)
    assert int(often.value.response.headers["retry-after"]) >= 1
    with pytest.raises(openai.PermissionDeniedError):
        await ask(other(await gate.key("narrow", "1.00", models=["other/model"])))


async def test_the_sync_client_works_as_well(gate: Running) -> None:
    key = await gate.key()

    def talk() -> tuple[str, int]:
        with OpenAI(base_url=f"{gate.url}/v1", api_key=key) as client:
            answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4)
            chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4, stream=True))
            return answer.choices[0].message.content or "", len(chunks)

    text, chunks = await asyncio.to_thread(talk)
    assert text and chunks > 1


async def test_the_streaming_helper_of_the_sdk_reads_our_streams(client: AsyncOpenAI) -> None:
    emoji = {"grammar": 'root ::= "🌍 hi"'}  # its first token is a part of a character: llama.cpp sends no role then
    async with client.chat.completions.stream(model=MODEL, messages=HELLO, max_tokens=20, extra_body=emoji) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "🌍 hi"
