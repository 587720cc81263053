"""The real `openai` package through a gateway to a real vLLM server, where one is given (docs/backends.md, vLLM)."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.config.objects import Backend
from tests.standins.running import Running, running
from tests.stories.money import balance, cost

VLLM = os.environ.get("AETHERGATE_TEST_VLLM", "")
pytestmark = pytest.mark.skipif(not VLLM, reason="AETHERGATE_TEST_VLLM names no vLLM server (docs/backends.md, vLLM)")
"""Nano-units per token at 0.10 and 0.40 per million."""
MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  gpu: {{adapter: vllm, url: "{vllm}", slots: 4}}
models:
  real: {{backend: "gpu/{name}", price: {{input: 0.10/1M, output: 0.40/1M}}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [POST /v1/completions], function: functions.completions}}
  - {{routes: [POST /v1/embeddings], function: functions.embeddings}}
"""
HELLO: list[Any] = [{"role": "user", "content": "Say hello to the gateway."}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: list[Any] = [{"type": "function", "function": {"name": "weather", "description": "w", "parameters": SCHEMA}}]


@pytest.fixture
async def adapter() -> AsyncIterator[Adapter]:
    found = make(Backend("gpu", "vllm", VLLM))
    found.known = await found.probe()
    yield found
    await found.close()


@pytest.fixture
async def gate(tmp_path: Path, adapter: Adapter) -> AsyncIterator[Running]:
    async with running(tmp_path, MANIFEST, vllm=VLLM, name=adapter.known.models[0]) as found:
        yield found


async def test_a_probe_tells_what_is_loaded_with_its_context_and_who_works(adapter: Adapter) -> None:
    known = adapter.known
    assert known.up, known.why
    assert known.loaded == known.models != ()
    assert (known.context or 0) >= 256
    assert (known.running, known.waiting) == (0, 0)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"tools": TOOLS},
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"reasoning_effort": "low"},
        {"add_generation_prompt": False},
        {"tools": TOOLS, "tool_choice": "none"},
    ],
)
async def test_a_chat_is_counted_as_it_is_billed(client: AsyncOpenAI, adapter: Adapter, more: dict[str, Any]) -> None:
    answer = await client.chat.completions.create(model="real", messages=HELLO, max_tokens=2, extra_body=more)
    assert answer.usage is not None
    counted = await adapter.count_prompt("chat", {"messages": HELLO, **more}, adapter.known.models[0])
    assert counted == answer.usage.prompt_tokens


@pytest.mark.parametrize("prompt", ["Say hello.", ["Say", "hello there"], [5, 6, 7], [[5, 6], [7]]])
async def test_a_completion_is_counted_as_it_is_billed(client: AsyncOpenAI, adapter: Adapter, prompt: Any) -> None:
    answer = await client.completions.create(model="real", prompt=prompt, max_tokens=2)
    assert answer.usage is not None
    counted = await adapter.count_prompt("completion", {"prompt": prompt}, adapter.known.models[0])
    assert counted == answer.usage.prompt_tokens


async def test_plain_answers_and_streams_cost_their_usage_shown_or_not(gate: Running, client: AsyncOpenAI) -> None:
    before = await balance(gate)
    answer = await client.chat.completions.create(model="real", messages=HELLO, max_tokens=9, n=2)
    assert before - (after := await balance(gate)) == cost(answer.usage) > 0
    shown = [
        event
        async for event in await client.chat.completions.create(
            model="real", messages=HELLO, max_tokens=9, stream=True, stream_options={"include_usage": True}
        )
    ]
    assert [bool(event.usage) for event in shown] == [False] * (len(shown) - 1) + [True]
    assert after - (last := await balance(gate)) == cost(shown[-1].usage)
    hidden = await client.chat.completions.create(model="real", messages=HELLO, max_tokens=9, stream=True)
    assert not [event async for event in hidden if event.usage]
    assert last - await balance(gate) == cost(shown[-1].usage)
    assert {row.basis for row in await gate.requests()} == {"measured"}


async def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers_and_free(
    gate: Running, client: AsyncOpenAI, adapter: Adapter
) -> None:
    before, context = await balance(gate), adapter.known.context or 0
    text: list[Any] = [{"role": "user", "content": "gateway request " * 8 * context}]
    asked: list[Any] = [
        client.chat.completions.create(model="real", messages=text, max_tokens=5),
        client.chat.completions.create(model="real", messages=text, max_tokens=5, stream=True),
        client.chat.completions.create(model="real", messages=text, extra_body={"truncate_prompt_tokens": 20}),
        client.completions.create(model="real", prompt=[9] * context, max_tokens=5),
        client.completions.create(model="real", prompt=[9] * (context + 44), max_tokens=5),
    ]
    for one in asked:
        with pytest.raises(openai.BadRequestError) as caught:
            await one
        assert caught.value.code == "context_length_exceeded"
        numbers = [int(number) for number in re.findall(r"\d+", caught.value.message)]
        assert context in numbers
        assert max(numbers) >= context
        assert "parameter=" not in caught.value.message
    assert await balance(gate) == before


async def test_an_answer_ends_with_the_context_whatever_was_asked_for(client: AsyncOpenAI, adapter: Adapter) -> None:
    context = adapter.known.context or 0
    prompt = [9] * (context - 3)
    for limit in (None, 5, context + 1):
        found = await client.completions.create(model="real", prompt=prompt, max_tokens=limit)
        assert found.usage is not None
        assert found.usage.completion_tokens <= 3


async def test_who_leaves_frees_the_server_within_a_second(gate: Running, adapter: Adapter) -> None:
    key = await gate.key("bob")
    body = {"model": "real", "messages": HELLO, "stream": True, "n": 4, "ignore_eos": True}
    headers = {"authorization": f"Bearer {key}"}
    async with gate.client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
        assert answer.status_code == 200
        async for _ in answer.aiter_lines():
            if (await adapter.probe()).running == 4:
                break
        else:
            pytest.fail("it was done before anybody could leave: the server's context is too small for this test")
    async with asyncio.timeout(1):
        while (await adapter.probe()).running:
            await asyncio.sleep(0.02)
    await gate.settled()
    (row,) = await gate.requests()
    assert (row.basis, row.status) == ("partial", 499)


async def test_fields_do_what_they_say(client: AsyncOpenAI) -> None:
    async def ask(**more: Any) -> str:
        found = await client.chat.completions.create(model="real", messages=HELLO, max_tokens=400, extra_body=more)
        assert found.choices[0].finish_reason == "stop"
        return found.choices[0].message.content or ""

    city = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}
    assert json.loads(await ask(response_format=city))["city"] in ("Paris", "Rome")
    assert await ask(guided_choice=["yes", "no"]) in ("yes", "no")
    assert await ask(structured_outputs={"choice": ["yes", "no"]}) in ("yes", "no")
    assert not set(await ask(stop=["a", "e", " "])) & {"a", "e", " "}


async def test_a_seed_repeats_an_answer_with_its_probabilities_and_thoughts(gate: Running) -> None:
    key = await gate.key("sid")
    body = {"model": "real", "messages": HELLO, "max_tokens": 8, "seed": 7, "logprobs": True, "top_logprobs": 2}
    first, second = [(await gate.post("/v1/chat/completions", key, body)).json()["choices"][0] for _ in "ab"]
    assert first == second
    assert "reasoning" not in first["message"]
    assert first["message"]["content"] or first["message"]["reasoning_content"]
    assert [len(token["top_logprobs"]) for token in first["logprobs"]["content"]] == [2] * 8


async def test_what_it_leaves_unread_is_named(gate: Running) -> None:
    key = await gate.key("eve")
    body = {"model": "real", "messages": HELLO, "max_tokens": 2}
    unread = {"functions": [], "typical_p": 0.5, "repeat_penalty": 1.1, "truncate_prompt_tokens": 5, "zork": 1}
    answer = await gate.post("/v1/chat/completions", key, {**body, **unread, "service_tier": "default"})
    assert answer.status_code == 200, answer.text
    assert set(answer.headers["x-aethergate-ignored"].split(", ")) == unread.keys()
    refused = await gate.post("/v1/chat/completions", key, {**body, "priority": -5})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "priority")


async def test_tool_calls_are_streamed(client: AsyncOpenAI) -> None:
    choice: Any = {"type": "function", "function": {"name": "weather"}}
    stream = await client.chat.completions.create(
        model="real",
        messages=HELLO,
        tools=TOOLS,
        tool_choice=choice,
        max_tokens=400,
        stream=True,
    )
    calls = [call async for event in stream for one in event.choices for call in one.delta.tool_calls or ()]
    assert calls[0].id
    assert calls[0].function is not None
    assert calls[0].function.name == "weather"
    assert "".join(call.function.arguments or "" for call in calls if call.function)


async def test_refusals_are_in_words_and_say_which_field(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="real", messages=HELLO, reasoning_effort="zork")  # type: ignore[arg-type]
    assert caught.value.param == "reasoning_effort"
    assert caught.value.message.count("Input should be") == 1
    assert "{" not in caught.value.message.partition("Input")[2]
    with pytest.raises(openai.BadRequestError, match="does not support this endpoint"):
        await client.embeddings.create(model="real", input="hello")
