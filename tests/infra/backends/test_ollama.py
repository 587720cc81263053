"""The `ollama` adapter against a stand-in that speaks Ollama's documented API."""

import base64
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.config.objects import Backend
from infra.errors import BackendError, BadRequest, ContextTooLong, GatewayError, NoBackend
from tests.infra.backends.talk import HELLO, text, usages
from tests.standins.ollama import OllamaStandIn

NAME = "qwen2.5:3b"
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
ASKS_WEATHER = [{"role": "user", "content": "the weather in Paris?"}]


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn((NAME,)) as found:
        yield found


@pytest.fixture
async def adapter(ollama: OllamaStandIn) -> AsyncIterator[Adapter]:
    found = make(Backend("ollama", "ollama", ollama.url, accept=("keep_alive", "num_ctx")))
    found.known = await found.probe()
    yield found
    await found.close()


async def whole(adapter: Adapter, task: Any, upstream: str = NAME, **body: Any) -> dict[str, Any]:
    reply = await adapter.ask(task, adapter.prepare(task, body, upstream).body, False, "req_1")
    answer = await reply.whole()
    await reply.close()
    return answer


async def stream(adapter: Adapter, task: Any, **body: Any) -> list[dict[str, Any]]:
    reply = await adapter.ask(task, adapter.prepare(task, {**body, "stream": True}, NAME).body, True, "req_1")
    try:
        return [event async for batch in reply.events() for event in batch]
    finally:
        await reply.close()


async def test_a_plain_chat_in_openais_shape(adapter: Adapter) -> None:
    answer = await whole(adapter, "chat", messages=HELLO)
    assert answer["object"] == "chat.completion"
    assert answer["choices"] == [
        {
            "index": 0,
            "logprobs": None,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "w0 w1 w2 w3 w4 "},
        }
    ]
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}
    assert answer["id"] == "chatcmpl-req_1"


async def test_a_streamed_chat_with_role_finish_and_usage(adapter: Adapter) -> None:
    events = await stream(adapter, "chat", messages=HELLO, max_tokens=3)
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert text(events) == "w0 w1 w2 "
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [c["finish_reason"] for e in events for c in e["choices"] if c["finish_reason"]] == ["length"]
    assert usages(events) == [{"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}]
    assert events[-1]["choices"] == []


async def test_the_request_is_said_in_ollamas_words(adapter: Adapter, ollama: OllamaStandIn) -> None:
    await whole(
        adapter,
        "chat",
        messages=[{"role": "developer", "content": "kind"}, *HELLO],
        temperature=0.5,
        max_completion_tokens=3,
        stop="x",
        top_k=5,
        seed=7,
        repetition_penalty=1.1,
        keep_alive="10m",
        num_ctx=4096,
        reasoning_effort="low",
        response_format={"type": "json_object"},
        user="bob",
    )
    path, body = ollama.seen[-1]
    options = {
        "temperature": 0.5,
        "num_predict": 3,
        "stop": ["x"],
        "top_k": 5,
        "seed": 7,
        "repeat_penalty": 1.1,
        "num_ctx": 4096,
    }
    assert path == "/api/chat"
    assert body == {
        "model": NAME,
        "messages": [{"role": "system", "content": "kind"}, {"role": "user", "content": "Say hi"}],
        "stream": False,
        "truncate": False,
        "shift": False,
        "think": "low",
        "format": "json",
        "keep_alive": "10m",
        "options": options,
    }


async def test_prepared_bodies_stay_in_openais_words_so_that_max_tokens_can_still_be_lowered(
    adapter: Adapter, ollama: OllamaStandIn
) -> None:
    prepared = adapter.prepare("chat", {"messages": HELLO, "max_tokens": 100, "logit_bias": {}}, NAME)
    assert prepared.ignored == ("logit_bias",)
    prepared.body["max_tokens"] = 2
    reply = await adapter.ask("chat", prepared.body, False, "req_1")
    assert (await reply.whole())["usage"]["completion_tokens"] == 2


async def test_images_go_as_base64(adapter: Adapter, ollama: OllamaStandIn) -> None:
    parts = [
        {"type": "text", "text": "what is"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "text", "text": "this?"},
    ]
    await whole(adapter, "chat", messages=[{"role": "user", "content": parts}])
    assert ollama.seen[-1][1]["messages"] == [{"role": "user", "content": "what is\nthis?", "images": ["iVBORw0KGgo="]}]


async def test_thinking_is_reasoning_content(adapter: Adapter) -> None:
    answer = await whole(adapter, "chat", messages=HELLO, think=True)
    assert answer["choices"][0]["message"]["reasoning_content"] == "hmm"
    events = await stream(adapter, "chat", messages=HELLO, reasoning_effort="high")
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "reasoning_content": "hmm"}


async def test_tool_calls_plain_streamed_and_answered(adapter: Adapter, ollama: OllamaStandIn) -> None:
    answer = await whole(adapter, "chat", messages=ASKS_WEATHER, tools=[WEATHER])
    choice = answer["choices"][0]
    call = choice["message"]["tool_calls"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}

    events = await stream(adapter, "chat", messages=ASKS_WEATHER, tools=[WEATHER])
    delta = events[0]["choices"][0]["delta"]
    assert (delta["role"], delta["tool_calls"][0]["index"]) == ("assistant", 0)
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"

    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    await whole(adapter, "chat", messages=[*ASKS_WEATHER, choice["message"], result], tools=[WEATHER])
    sent = ollama.seen[-1][1]["messages"]
    assert sent[1]["tool_calls"] == [
        {"id": call["id"], "function": {"name": "weather", "arguments": {"city": "Paris"}}}
    ]
    assert sent[2] == {"role": "tool", "tool_name": "weather", "tool_call_id": call["id"], "content": "sunny"}


async def test_a_tool_choice_that_ollama_cannot_keep_is_named_as_ignored(
    adapter: Adapter, ollama: OllamaStandIn
) -> None:
    body = {"messages": ASKS_WEATHER, "tools": [WEATHER]}
    assert adapter.prepare("chat", {**body, "tool_choice": "required"}, NAME).ignored == ("tool_choice",)
    assert adapter.prepare("chat", {**body, "tool_choice": "auto"}, NAME).ignored == ()
    await whole(adapter, "chat", **body, tool_choice="none")
    assert "tools" not in ollama.seen[-1][1]


async def test_a_schema_becomes_the_format(adapter: Adapter, ollama: OllamaStandIn) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = await whole(adapter, "chat", messages=HELLO, response_format=wanted)
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"ok": True}
    assert ollama.seen[-1][1]["format"] == schema


async def test_completions_plain_and_streamed(adapter: Adapter, ollama: OllamaStandIn) -> None:
    answer = await whole(adapter, "completion", prompt="a b c", max_tokens=2, suffix="end")
    assert (answer["object"], answer["choices"][0]["text"]) == ("text_completion", "w0 w1 ")
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert ollama.seen[-1][1]["suffix"] == "end"
    events = await stream(adapter, "completion", prompt=["a b c"])
    assert text(events) == "w0 w1 w2 w3 w4 "
    assert {event["object"] for event in events} == {"text_completion"}
    assert usages(events)[0]["total_tokens"] == 8


async def test_embeddings_as_numbers_and_in_base64(adapter: Adapter, ollama: OllamaStandIn) -> None:
    answer = await whole(adapter, "embedding", input=["hi", "there you"], dimensions=3)
    assert [row["embedding"] for row in answer["data"]] == [[0.5, -0.25, 2.0], [0.5, -0.25, 9.0]]
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert ollama.seen[-1][1]["dimensions"] == 3
    answer = await whole(adapter, "embedding", input="hi", encoding_format="base64")
    assert struct.unpack("<3f", base64.b64decode(answer["data"][0]["embedding"])) == (0.5, -0.25, 2.0)


async def test_a_prompt_that_does_not_fit_is_refused_and_never_cut(adapter: Adapter) -> None:
    long = "word " * 200
    for task, body in (
        ("chat", {"messages": [{"role": "user", "content": long}]}),
        ("completion", {"prompt": long}),
        ("embedding", {"input": long}),
    ):
        with pytest.raises(ContextTooLong):
            await whole(adapter, task, **body)


async def test_a_model_that_is_not_installed_is_no_backend(adapter: Adapter) -> None:
    with pytest.raises(NoBackend):
        await whole(adapter, "chat", "llama9:900b", messages=HELLO)


async def test_an_error_in_a_stream_is_one_and_leaks_nothing(adapter: Adapter, ollama: OllamaStandIn) -> None:
    ollama.break_after = 2
    with pytest.raises(BackendError) as caught:
        await stream(adapter, "chat", messages=HELLO)
    assert "terminated" in caught.value.message
    assert "/usr" not in caught.value.message
    assert "10.0.0.7" not in caught.value.message


@pytest.mark.parametrize(
    ("task", "body", "param"),
    [
        ("chat", {"messages": HELLO, "n": 2}, "n"),
        ("chat", {"messages": []}, "messages"),
        ("chat", {"messages": ["x"]}, "messages[0]"),
        (
            "chat",
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[0].content[0]",
        ),
        (
            "chat",
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0].image_url",
        ),
        ("chat", {"messages": HELLO, "response_format": {"type": "zork"}}, "response_format"),
        ("chat", {"messages": HELLO, "response_format": "json"}, "response_format"),
        ("chat", {"messages": HELLO, "reasoning_effort": "huge"}, "reasoning_effort"),
        ("chat", {"messages": HELLO, "think": [1]}, "think"),
        (
            "chat",
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ("chat", {"messages": [{"role": "assistant", "tool_calls": [5]}]}, "messages[0].tool_calls[0]"),
        ("chat", {"messages": HELLO, "options": {"num_ctx": 1}}, "options"),
        ("completion", {"prompt": ["a", "b"]}, "prompt"),
        ("completion", {"prompt": [1, 2]}, "prompt"),
        ("completion", {"prompt": ""}, "prompt"),
        ("embedding", {"input": [1, 2]}, "input"),
        ("embedding", {"input": []}, "input"),
    ],
)
async def test_what_ollama_has_no_words_for_is_refused_by_name_before_anything_is_sent(
    adapter: Adapter, ollama: OllamaStandIn, task: Any, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        adapter.prepare(task, body, NAME)
    assert caught.value.param == param
    assert ollama.seen == []


async def test_a_probe_lists_what_is_installed_and_loads_nothing(adapter: Adapter, ollama: OllamaStandIn) -> None:
    found = await adapter.probe()
    assert (found.up, found.models, found.contexts) == (True, (NAME,), {})
    assert ollama.loaded == set()
    await whole(adapter, "chat", messages=HELLO)
    assert (await adapter.probe()).contexts == {NAME: 100}


async def test_a_dead_ollama_is_down() -> None:
    async with OllamaStandIn() as gone:
        url = gone.url
    found = make(Backend("ollama", "ollama", url))
    assert not (await found.probe()).up
    with pytest.raises(GatewayError):
        await whole(found, "chat", messages=HELLO)
    await found.close()
