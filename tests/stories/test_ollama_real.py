"""The real `openai` package through a gateway to a real Ollama, where one is given (docs/backends.md, Ollama)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.config.objects import Backend
from tests.standins.ollama_server import PROGRAM, OllamaServer
from tests.standins.running import Running
from tests.stories.money import balance, cost
from tests.stories.ollama_gate import HELLO, SKIPPED, gateway, unload

pytestmark = pytest.mark.skipif(not PROGRAM, reason=SKIPPED)
CITY = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
TOOLS: list[Any] = [{"type": "function", "function": {"name": "weather", "description": "w", "parameters": CITY}}]
SAME = {"temperature": 0, "seed": 7}


@pytest.fixture
async def gate(tmp_path: Path, ollama_server: OllamaServer) -> AsyncIterator[Running]:
    async with gateway(tmp_path, ollama_server, "num_ctx: 1024") as found:
        yield found


@pytest.fixture
async def adapter(ollama_server: OllamaServer) -> AsyncIterator[Adapter]:
    found = make(Backend("box", "ollama", ollama_server.url))
    found.known = await found.probe()
    yield found
    await found.close()


async def test_a_probe_loads_nothing_and_tells_what_is_there_and_what_each_can(
    ollama_server: OllamaServer, adapter: Adapter
) -> None:
    await unload(ollama_server)
    known = adapter.known = await adapter.probe()
    assert known.up, known.why
    assert {name.partition(":")[0] for name in known.models} == {"gate", "few", "muse"}
    assert known.loaded == ()
    assert await ollama_server.loaded() == []
    assert known.abilities["gate"] in (set(), {"completion", "tools"}), "older ones do not tell"
    assert known.abilities["few"] in (set(), {"completion"})
    assert (known.contexts["few"], known.contexts.get("gate", 4096)) == (512, 4096)


async def test_models_show_context_and_abilities(gate: Running, client: AsyncOpenAI) -> None:
    found = {model.id: model async for model in client.models.list()}
    shown: Any = found["real"]
    assert shown.context_length == 1024
    assert set(shown.capabilities) <= {"completion", "tools"}


async def test_plain_answers_and_streams_cost_what_ollama_counts(
    gate: Running, client: AsyncOpenAI, ollama_server: OllamaServer
) -> None:
    direct = await ollama_server.ask("/api/chat", model="gate", messages=HELLO, options={**SAME, "num_predict": 9})
    before = await balance(gate)
    answer = await client.chat.completions.create(model="real", messages=HELLO, max_tokens=9, **SAME)
    usage = answer.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (direct["prompt_eval_count"], direct["eval_count"])
    assert answer.choices[0].message.content == direct["message"]["content"]
    assert answer.choices[0].finish_reason == "length"
    assert before - (after := await balance(gate)) == cost(usage) > 0
    options: Any = {"model": "real", "messages": HELLO, "max_tokens": 9, "stream": True}
    shown = [
        event
        async for event in await client.chat.completions.create(
            **options, stream_options={"include_usage": True}, **SAME
        )
    ]
    said = "".join(choice.delta.content or "" for event in shown for choice in event.choices)
    assert said == direct["message"]["content"]
    assert [bool(event.usage) for event in shown] == [False] * (len(shown) - 1) + [True]
    assert shown[-1].usage == usage
    assert after - (last := await balance(gate)) == cost(usage)
    hidden = await client.chat.completions.create(**options, **SAME)
    assert not [event async for event in hidden if event.usage]
    assert last - await balance(gate) == cost(usage)
    assert {row.basis for row in await gate.requests()} == {"measured"}


async def test_completions_cost_what_ollama_counts(
    gate: Running, client: AsyncOpenAI, ollama_server: OllamaServer
) -> None:
    direct = await ollama_server.ask(
        "/api/generate", model="gate", prompt="One, two,", options={**SAME, "num_predict": 9}
    )
    before = await balance(gate)
    answer = await client.completions.create(model="real", prompt="One, two,", max_tokens=9, **SAME)
    assert answer.choices[0].text == direct["response"]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (direct["prompt_eval_count"], 9)
    assert before - await balance(gate) == cost(answer.usage)


async def test_embeddings_cost_what_ollama_counts(
    gate: Running, client: AsyncOpenAI, ollama_server: OllamaServer
) -> None:
    texts = ["hello", "the weather in Paris"]
    direct = await ollama_server.ask("/api/embed", model="gate", input=texts)
    before = await balance(gate)
    for more in ({}, {"encoding_format": "float"}):
        answer = await client.embeddings.create(model="real", input=texts, **more)  # type: ignore[arg-type]
        assert answer.data[1].embedding == pytest.approx(direct["embeddings"][1], abs=1e-3)
        assert answer.usage.prompt_tokens == direct["prompt_eval_count"] > 2
    assert before - await balance(gate) == 2 * 100 * answer.usage.prompt_tokens
    body = {"model": "real", "input": texts, "dimensions": 8}
    short = await gate.post("/v1/embeddings", await gate.key("eve"), body)
    assert ("x-aethergate-ignored" in short.headers) is (len(short.json()["data"][0]["embedding"]) != 8)


async def test_a_model_with_messages_of_its_own_fits_as_told(gate: Running, client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="few", messages=HELLO, max_tokens=3)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 10


async def test_fields_do_what_they_say(client: AsyncOpenAI) -> None:
    async def ask(**more: Any) -> str:
        found = await client.chat.completions.create(model="real", messages=HELLO, max_tokens=60, extra_body=more)
        return found.choices[0].message.content or ""

    answers = [await ask(seed=7, temperature=1) for _ in range(3)]
    assert answers[1] == answers[2], "the first read its prompt whole, which rounds otherwise than one from the cache"
    assert not set(await ask(stop=["a", "e"])) & {"a", "e"}
    assert " " not in await ask(stop=" ")
    assert (await ask(response_format={"type": "json_object"})).lstrip().startswith("{")
    city = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
    assert json.loads(await ask(response_format=city))["city"] in ("Paris", "Rome")


@pytest.mark.parametrize("streamed", [False, True])
async def test_tools_are_called_and_answered(client: AsyncOpenAI, streamed: bool) -> None:
    call = {"type": "object", "properties": {"name": {"const": "weather"}, "arguments": CITY}}
    call |= {"required": ["name", "arguments"]}
    body: Any = {"model": "real", "tools": TOOLS, "max_tokens": 200, "temperature": 0}
    asked = {**body, "response_format": {"type": "json_schema", "json_schema": {"name": "c", "schema": call}}}
    if streamed:
        events = [event async for event in await client.chat.completions.create(messages=HELLO, stream=True, **asked)]
        (found,) = [one for event in events for choice in event.choices for one in choice.delta.tool_calls or ()]
        finish = [choice.finish_reason for event in events for choice in event.choices][-1]
    else:
        answer = await client.chat.completions.create(messages=HELLO, **asked)
        (found,) = answer.choices[0].message.tool_calls or ()
        finish = answer.choices[0].finish_reason
    assert finish == "tool_calls"
    assert found.id
    assert found.function.name == "weather"
    assert json.loads(found.function.arguments)["city"] in ("Paris", "Rome")
    said = {"id": found.id, "type": "function", "function": found.function.model_dump()}
    turn = [{"role": "assistant", "tool_calls": [said]}, {"role": "tool", "tool_call_id": found.id, "content": "sun"}]
    after = await client.chat.completions.create(messages=[*HELLO, *turn], **{**body, "max_tokens": 3})
    assert after.usage is not None


@pytest.mark.parametrize("streamed", [False, True])
async def test_thoughts_are_reasoning_and_cost_as_all_else(
    gate: Running, client: AsyncOpenAI, adapter: Adapter, streamed: bool
) -> None:
    if "thinking" not in adapter.known.abilities["muse"]:
        pytest.skip("this Ollama knows no thoughts")
    schema = {"type": "object", "properties": {name: {"enum": ["yes", "no"]} for name in ("thought", "said")}}
    schema |= {"required": ["thought", "said"]}
    form = {"type": "json_schema", "json_schema": {"name": "muse", "schema": schema}}
    body: Any = {"model": "muse", "messages": HELLO, "response_format": form, "max_tokens": 90, "temperature": 0}
    before = await balance(gate)
    if streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        events = [event async for event in await client.chat.completions.create(**body, reasoning_effort="low")]
        deltas: list[Any] = [choice.delta for event in events for choice in event.choices]
        thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        said, usage = "".join(delta.content or "" for delta in deltas), events[-1].usage
    else:
        answer: Any = await client.chat.completions.create(**body, reasoning_effort="low")
        message, usage = answer.choices[0].message, answer.usage
        thought, said = message.reasoning_content, message.content
    assert '"thought"' in thought
    assert '"said"' in said
    assert '"thought"' not in said
    assert before - await balance(gate) == cost(usage) > 0
    if not streamed:
        plain: Any = await client.chat.completions.create(**body, reasoning_effort="none")
        assert '"thought"' in plain.choices[0].message.content


async def test_what_it_does_not_do_is_named(gate: Running) -> None:
    asked = {"reasoning_effort": "low", "mirostat": 2, "logprobs": True}
    body = {"model": "real", "messages": HELLO, "max_tokens": 2, **asked}
    answer = await gate.post("/v1/chat/completions", await gate.key(), body)
    assert answer.status_code == 200, answer.text
    ignored = set(answer.headers["x-aethergate-ignored"].split(", "))
    assert {"reasoning_effort", "mirostat"} <= ignored
    assert ("logprobs" in ignored) is not bool(answer.json()["choices"][0]["logprobs"])
