"""What single versions of Ollama know and do not, and what its models can and cannot."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.backends.adapters.base import Adapter
from infra.backends.faults import FAILURES
from infra.errors import BadRequest, ContextTooLong, NoBackend, Overloaded
from infra.metering.ask import Ask
from tests.infra.backends.talk import HELLO
from tests.infra.backends.test_ollama import ASKS_WEATHER, NAME, WEATHER, stream, whole
from tests.infra.backends.test_ollama_context import said, told
from tests.standins.ollama import OllamaStandIn

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn((NAME, "llama3:latest")) as found:
        yield found


async def asked(adapter: Adapter, ollama: OllamaStandIn, task: Any = "chat", **body: Any) -> dict[str, Any]:
    """What Ollama was sent."""
    await whole(adapter, task, **{**({"messages": HELLO} if task == "chat" else {}), **body})
    return ollama.seen[-1][1]


@pytest.mark.parametrize(
    ("version", "effort", "think"),
    [
        ("0.9.3", "low", True),
        ("0.9.3", "none", False),
        ("0.10.1", "xhigh", True),
        ("0.11.0", "low", "low"),
        ("0.21.2", "max", "high"),
        ("0.30.0", "minimal", "low"),
        ("0.30.0", "xhigh", "max"),
        ("0.30.0", "max", "max"),
    ],
)
async def test_an_effort_is_said_as_the_version_knows_it(
    ollama: OllamaStandIn, version: str, effort: str, think: bool | str
) -> None:
    ollama.version = version
    async with told(ollama) as adapter:
        assert (await asked(adapter, ollama, reasoning_effort=effort))["think"] == think
    if effort in ("low", "max"):
        async with told(ollama, think=effort) as adapter:
            assert (await asked(adapter, ollama))["think"] == think


@pytest.mark.parametrize("name", ["think", "reasoning_effort"])
async def test_who_asks_a_model_to_think_that_cannot_is_answered_and_told(ollama: OllamaStandIn, name: str) -> None:
    ollama.abilities = {NAME: ["completion"]}
    async with told(ollama) as adapter:
        assert adapter.prepare("chat", {"messages": HELLO, name: "high"}, NAME).ignored == (name,)
        assert "think" not in await asked(adapter, ollama, **{name: "high"})
        assert (await asked(adapter, ollama, **{name: "none"}))["think"] is False


async def test_completions_do_not_think_where_nobody_sees_it(ollama: OllamaStandIn) -> None:
    async with told(ollama, think=True) as adapter:
        assert (await asked(adapter, ollama, "completion", prompt="hi"))["think"] is False
        assert (await asked(adapter, ollama, "completion", prompt="hi", think=True))["think"] is True
    ollama.capabilities = ["completion"]
    async with told(ollama) as adapter:
        assert "think" not in await asked(adapter, ollama, "completion", prompt="hi")


async def test_a_model_called_by_its_short_name_is_known_by_it(ollama: OllamaStandIn) -> None:
    async with told(ollama, think="low") as adapter:
        await whole(adapter, "chat", "llama3", messages=HELLO)
        assert ollama.seen[-1][1]["think"] == "low"


async def test_a_model_that_was_made_anew_is_asked_again(ollama: OllamaStandIn) -> None:
    async with told(ollama) as adapter:
        ollama.capabilities = ["completion"]
        assert "tools" in (await adapter.probe()).abilities[NAME]
        ollama.digest = "another"
        assert (await adapter.probe()).abilities[NAME] == {"completion"}


async def test_images_for_a_model_that_would_not_look_at_them_are_refused(ollama: OllamaStandIn) -> None:
    messages = [*HELLO, {"role": "user", "content": [PICTURE]}]
    async with told(ollama) as adapter:
        assert adapter.prepare("chat", {"messages": messages}, NAME).ignored == ()
    ollama.capabilities = ["completion"]
    async with told(ollama) as adapter:
        with pytest.raises(BadRequest) as caught:
            adapter.prepare("chat", {"messages": messages}, NAME)
        assert caught.value.param == "messages[1].content"


async def test_a_tool_without_parameters_has_none_in_so_many_words(ollama: OllamaStandIn) -> None:
    bare = {"type": "function", "function": {"name": "now"}}
    async with told(ollama) as adapter:
        first, second = (await asked(adapter, ollama, tools=[bare, WEATHER]))["tools"]
        assert first["function"] == {"name": "now", "parameters": {"type": "object", "properties": {}}}
        assert second == WEATHER
        assert "parameters" not in bare["function"], "the caller's body is left as it is"


@pytest.mark.parametrize("name", ["mirostat", "mirostat_tau", "mirostat_eta"])
async def test_what_is_no_longer_read_is_named(ollama: OllamaStandIn, name: str) -> None:
    async with told(ollama) as adapter:
        assert adapter.prepare("chat", {"messages": HELLO, name: 1}, NAME).ignored == (name,)


@pytest.mark.parametrize(
    ("version", "unread"),
    [
        ("0.5.4-ipexllm-20250407", {"reasoning_effort", "logprobs", "top_logprobs"}),
        ("0.9.3", {"logprobs", "top_logprobs"}),
        ("0.12.11", set()),
        ("none", set()),
    ],
)
async def test_what_is_not_read_yet_is_named(ollama: OllamaStandIn, version: str, unread: set[str]) -> None:
    ollama.version = version
    async with told(ollama) as adapter:
        body = {"messages": HELLO, "reasoning_effort": "low", "logprobs": True, "top_logprobs": 2}
        assert set(adapter.prepare("chat", body, NAME).ignored) == unread
        sizes = adapter.prepare("embedding", {"input": "hi", "dimensions": 8}, NAME).ignored
        assert sizes == (("dimensions",) if unread else ())


async def test_models_that_ollama_com_runs_are_not_the_boxs(ollama: OllamaStandIn) -> None:
    ollama.remote = {"llama3:latest"}
    async with told(ollama) as adapter:
        assert adapter.known.models == (NAME,)
        assert set(adapter.known.abilities) == {NAME}


async def test_a_full_queue_is_no_failure(ollama: OllamaStandIn) -> None:
    ollama.full = True
    async with told(ollama) as adapter:
        with pytest.raises(Overloaded) as caught:
            await whole(adapter, "chat", messages=HELLO)
        assert not isinstance(caught.value, FAILURES)
        assert caught.value.retry_after


@pytest.mark.parametrize(
    "more",
    [{"temperature": "hot"}, {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "zork"}}}}],
)
@pytest.mark.parametrize("version", ["0.5.4", "0.40.0"])
async def test_mistakes_of_callers_that_come_as_a_500_are_theirs(
    ollama: OllamaStandIn, more: dict[str, Any], version: str
) -> None:
    ollama.version = version
    async with told(ollama) as adapter:
        with pytest.raises(BadRequest, match=r"must be of type float32|invalid JSON schema"):
            await whole(adapter, "chat", messages=HELLO, **more)
        with pytest.raises(BadRequest, match=r"must be of type float32|invalid JSON schema"):
            await stream(adapter, "chat", messages=HELLO, **more)
        with pytest.raises(NoBackend):
            await whole(adapter, "chat", "gone", messages=HELLO)


@pytest.mark.parametrize("version", ["0.5.4-ipexllm-20250407", "0.9.3"])
async def test_of_one_that_does_not_tell_a_loaded_context_it_is_what_is_asked_for(
    ollama: OllamaStandIn, version: str
) -> None:
    ollama.version, ollama.limit = version, 32_768
    async with told(ollama) as adapter:
        assert adapter.known.contexts[NAME] == 4096
        assert adapter.known.abilities[NAME] == (set() if version.startswith("0.5") else set(ollama.capabilities))
    async with told(ollama, num_ctx=1024) as adapter:
        assert adapter.known.contexts[NAME] == 1024
    async with told(ollama, num_ctx=1024, num_ctx_max=65_536) as adapter:
        assert adapter.known.contexts[NAME] == 32_768, "the model's own limit"
    ollama.parameters = "num_ctx                        8192"
    async with told(ollama) as adapter:
        assert adapter.known.contexts[NAME] == 8192


async def test_messages_of_the_modelfile_need_room_and_are_the_first_to_go(ollama: OllamaStandIn) -> None:
    ollama.version, ollama.limit = "0.9.3", 32_768
    ollama.messages = [{"role": "user", "content": "x" * 9_000}, {"role": "assistant", "content": "y" * 900}]
    async with told(ollama, num_ctx_max=32_768) as adapter:
        assert (await asked(adapter, ollama))["options"] == {"num_ctx": 16_384}
    talk = Ask("chat", "m", {"messages": [*said(300), *said(10)]})
    async with told(ollama) as adapter:
        await whole(adapter, "chat", messages=HELLO)
        assert adapter.cut_to(talk, 3_500, NAME, 4096, None) is None, "it has read what stood before the talk"
    ollama.messages[0]["role"] = "system"
    async with told(ollama) as adapter:
        await whole(adapter, "chat", messages=HELLO)
        assert adapter.cut_to(talk, 3_500, NAME, 4096, None) == 4096, "a system prompt stays, so it may have been cut"


async def test_a_box_with_a_large_context_of_its_own_is_left_to_it(ollama: OllamaStandIn) -> None:
    ollama.own = ollama.limit = 32_768
    async with told(ollama, num_ctx_max=65_536) as adapter:
        assert "num_ctx" not in (await asked(adapter, ollama, messages=said(9_000))).get("options", {})
        adapter.known = await adapter.probe()
        assert (await asked(adapter, ollama, messages=said(9_000)))["options"] == {"num_ctx": 32_768}


async def test_where_its_own_context_was_too_small_it_is_asked_for_enough_and_then_for_all(
    ollama: OllamaStandIn,
) -> None:
    ollama.own, ollama.limit = 4096, 32_768
    async with told(ollama, num_ctx_max=20_000) as adapter:
        await whole(adapter, "chat", messages=said(4_500))
        assert [(body.get("options") or {}).get("num_ctx") for _, body in ollama.seen] == [None, 8192]
        ollama.seen.clear()
        ollama.loaded.clear()
        adapter.known = await adapter.probe()
        await whole(adapter, "chat", messages=[{"role": "user", "content": "a " * 9_000}])
        assert [(body.get("options") or {}).get("num_ctx") for _, body in ollama.seen] == [None, 8192, 20_000]
        with pytest.raises(ContextTooLong, match=r"context length is 20000 tokens.* in 25000"):
            await whole(adapter, "chat", messages=said(25_000))


@pytest.mark.parametrize(("version", "limit", "tries"), [("0.20.0", 8192, 2), ("0.30.0", 2048, 1)])
async def test_an_embedding_gets_no_more_context_than_is_of_use(
    ollama: OllamaStandIn, version: str, limit: int, tries: int
) -> None:
    ollama.version, ollama.own, ollama.limit = version, 1024, 8192
    async with told(ollama, num_ctx_max=8192) as adapter:
        with pytest.raises(ContextTooLong, match=rf"context length is {limit} tokens.* about \d+ tokens"):
            await whole(adapter, "embedding", input="a " * 9_000)
        assert len(ollama.seen) == tries
        await whole(adapter, "embedding", input="word " * 1_000)
        await whole(adapter, "chat", messages=HELLO)


async def test_tool_calls_in_the_last_line_keep_their_names(ollama: OllamaStandIn) -> None:
    ollama.calls_last = True
    async with told(ollama) as adapter:
        events = await stream(adapter, "chat", messages=ASKS_WEATHER, tools=[WEATHER])
        calls = [call for event in events for one in event["choices"] for call in one["delta"].get("tool_calls", ())]
        assert [call["id"] for call in calls] == ["call_x9f2k1qz"]
        assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


async def test_what_came_from_the_cache_is_told(ollama: OllamaStandIn) -> None:
    ollama.cached = 1
    async with told(ollama) as adapter:
        usage = (await whole(adapter, "chat", messages=HELLO))["usage"]
        assert usage["prompt_tokens_details"] == {"cached_tokens": 1}
