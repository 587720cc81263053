"""The `vllm` adapter against what vLLM 0.32 answers (tests/standins/vllm.py; a real one: stories/test_vllm.py)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.config.objects import Backend
from infra.errors import BadRequest, ContextTooLong
from tests.infra.backends.talk import HELLO, stream, text, usages, whole
from tests.standins.vllm import NAME, VllmStandIn, refusal, validation


@pytest.fixture
async def vllm() -> AsyncIterator[VllmStandIn]:
    async with VllmStandIn() as found:
        yield found


@pytest.fixture
async def adapter(vllm: VllmStandIn) -> AsyncIterator[Adapter]:
    found = make(Backend("gpu", "vllm", vllm.url))
    found.known = await found.probe()
    yield found
    await found.close()


async def test_a_probe_tells_models_and_their_context(vllm: VllmStandIn, adapter: Adapter) -> None:
    found = adapter.known
    assert (found.up, found.models, found.context, found.contexts) == (True, (NAME,), 256, {NAME: 256})
    assert (found.loaded, found.running, found.waiting) == ((NAME,), 4, 2)
    vllm.healthy = False
    assert (await adapter.probe()).up is False


async def test_tokens_are_counted_by_its_tokenizer(vllm: VllmStandIn, adapter: Adapter) -> None:
    assert await adapter.count_text(NAME, "a b c") == 3
    assert vllm.seen[-1][1] == {"model": NAME, "prompt": "a b c", "add_special_tokens": False}
    assert await adapter.count_prompt("chat", {"messages": HELLO, "temperature": 1}, NAME) == 2
    assert vllm.seen[-1][1] == {"model": NAME, "messages": HELLO}


@pytest.mark.parametrize(
    ("task", "prompt", "tokens"),
    [
        ("completion", "a b", 2),
        ("completion", ["a", "b c"], 3),
        ("completion", [5, 6, 7], 3),
        ("completion", [[5, 6], [7]], 3),
        ("embedding", ["a b", "c"], 3),
    ],
)
async def test_every_form_of_a_prompt_is_counted(adapter: Adapter, task: Any, prompt: Any, tokens: int) -> None:
    field = "input" if task == "embedding" else "prompt"
    assert await adapter.count_prompt(task, {field: prompt, "add_special_tokens": True}, NAME) == tokens


async def test_what_changes_the_template_is_counted_with_it(vllm: VllmStandIn, adapter: Adapter) -> None:
    shaped = {"messages": HELLO, "add_generation_prompt": False, "continue_final_message": True, "tools": [{}]}
    await adapter.count_prompt("chat", {**shaped, "chat_template_kwargs": {"a": 1}, "reasoning_effort": "low"}, NAME)
    template = {"a": 1, "enable_thinking": True, "reasoning_effort": "low"}
    assert vllm.seen[-1][1] == {"model": NAME, **shaped, "chat_template_kwargs": template}
    off = {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "none"}
    await adapter.count_prompt("chat", {"messages": HELLO, **off}, NAME)
    assert vllm.seen[-1][1]["chat_template_kwargs"] == {"enable_thinking": True, "reasoning_effort": "none"}


def test_no_more_is_asked_for_than_the_context(adapter: Adapter) -> None:
    for limit in ("max_tokens", "max_completion_tokens"):
        for asked, sent in ((4096, 256), (256, 256), (5, 5)):
            assert adapter.prepare("chat", {"messages": HELLO, limit: asked}, NAME).body[limit] == sent


@pytest.mark.parametrize("kind", ["json", "regex", "choice", "grammar"])
def test_the_names_of_before_for_constraints_are_sent_as_todays(adapter: Adapter, kind: str) -> None:
    found = adapter.prepare("completion", {"prompt": "x", f"guided_{kind}": "v"}, NAME)
    assert found.body == {"model": NAME, "prompt": "x", "structured_outputs": {kind: "v"}}
    assert found.ignored == ()


def test_what_it_leaves_unread_is_named(adapter: Adapter) -> None:
    unread = ("functions", "verbosity", "typical_p", "truncate_prompt_tokens", "truncation_side")
    body = {"messages": HELLO, **dict.fromkeys(unread, 1), "service_tier": "default"}
    found = adapter.prepare("chat", body, NAME)
    assert found.ignored == unread
    assert found.body == {"model": NAME, "messages": HELLO}
    assert adapter.prepare("embedding", {"input": "x", "truncate_prompt_tokens": 9}, NAME).ignored == ()


async def test_thoughts_are_called_as_elsewhere(adapter: Adapter) -> None:
    message = (await whole(adapter, "chat", messages=HELLO))["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("let us see", "'s reach PostgreSQL")
    assert "reasoning" not in message


@pytest.mark.parametrize("room", [True, False])
async def test_thoughts_of_a_stream_too(vllm: VllmStandIn, adapter: Adapter, room: bool) -> None:
    events = await stream(adapter, "chat", messages=HELLO, room=room)
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "let us"
    assert not [delta for delta in deltas if "reasoning" in delta]
    assert text(events) == "not can"
    assert [usage["completion_tokens"] for usage in usages(events)] == [5]
    assert vllm.seen[-1][1]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "This model's maximum context length is 256 tokens. However, your prompt contains 300 input tokens, which"
            " exceeds this limit even without any output tokens. (parameter=input_tokens, value=300)",
            "This model's maximum context length is 256 tokens. However, your prompt contains 300 input tokens, which"
            " exceeds this limit even without any output tokens.",
        ),
        (
            "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
            "This model's maximum context length is 256 tokens. However, your messages resulted in 256 tokens."
            " Please reduce the length of the messages.",
        ),
        (
            "max_tokens must be at least 1, got -44.",
            "This model's maximum context length is 256 tokens. However, your messages resulted in 300 tokens."
            " Please reduce the length of the messages.",
        ),
    ],
)
async def test_its_words_for_a_long_prompt_are_understood(
    vllm: VllmStandIn, adapter: Adapter, said: str, told: str
) -> None:
    vllm.error = refusal(said, "input_tokens")
    with pytest.raises(ContextTooLong) as caught:
        await _ask(adapter)
    assert caught.value.message == told


@pytest.mark.parametrize(
    ("error", "message", "param"),
    [
        (
            validation("reasoning_effort", "literal_error", "Input should be 'none' or 'low'", "zork"),
            "Input should be 'none' or 'low'",
            "reasoning_effort",
        ),
        (
            validation("temperature", "float_parsing", "Input should be a valid number", "hot"),
            "Input should be a valid number",
            "temperature",
        ),
        (
            refusal("temperature must be non-negative, got -1.0. (parameter=temperature, value=-1.0)", "temperature"),
            "temperature must be non-negative, got -1.0.",
            "temperature",
        ),
        (refusal("tiny is not a multimodal model"), "tiny is not a multimodal model", None),
    ],
)
async def test_its_words_about_a_field_are_told_without_its_log(
    vllm: VllmStandIn, adapter: Adapter, error: dict[str, Any], message: str, param: str | None
) -> None:
    vllm.error = error
    with pytest.raises(BadRequest) as caught:
        await _ask(adapter)
    assert (caught.value.message, caught.value.param) == (message, param)


async def _ask(adapter: Adapter) -> None:
    prepared = adapter.prepare("chat", {"messages": HELLO}, NAME)
    await adapter.ask("chat", prepared.body, False, "req_1")
