"""What gateway.yaml says to Ollama with every request, and how long prompts get the context that they need."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.config.objects import FOREVER, Backend, OllamaOptions
from infra.errors import ContextTooLong
from tests.infra.backends.talk import HELLO
from tests.infra.backends.test_ollama import NAME, whole
from tests.standins.ollama import OllamaStandIn


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn((NAME, "llama3:latest")) as found:
        yield found


@asynccontextmanager
async def told(ollama: OllamaStandIn, accept: tuple[str, ...] = (), **options: Any) -> AsyncIterator[Adapter]:
    """An adapter with these options, which has probed once."""
    found = make(Backend("ollama", "ollama", ollama.url, options=OllamaOptions(**options), accept=accept))
    found.known = await found.probe()
    try:
        yield found
    finally:
        await found.close()


def said(words: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": "word " * words}]


async def test_the_options_go_with_every_request(ollama: OllamaStandIn) -> None:
    async with told(ollama, num_ctx=512, keep_alive=1800.0, think=True) as adapter:
        await whole(adapter, "chat", messages=HELLO, temperature=0)
        await whole(adapter, "completion", prompt="hi")
        await whole(adapter, "embedding", input="hi")
        chat, completion, embedding = (body for _, body in ollama.seen)
        assert chat["options"] == {"temperature": 0, "num_ctx": 512}
        assert (chat["keep_alive"], chat["think"]) == (1800, True)
        assert (completion["options"], completion["keep_alive"]) == ({"num_ctx": 512}, 1800)
        assert (embedding["options"], embedding["keep_alive"]) == ({"num_ctx": 512}, 1800)
        assert "think" not in embedding
        await whole(adapter, "chat", messages=HELLO, reasoning_effort="none")
        assert ollama.seen[-1][1]["think"] is False, "what the caller says wins"


async def test_forever_is_minus_one_and_without_options_nothing_is_said(ollama: OllamaStandIn) -> None:
    async with told(ollama, keep_alive=FOREVER) as adapter:
        await whole(adapter, "chat", messages=HELLO)
        assert ollama.seen[-1][1]["keep_alive"] == -1
    async with told(ollama) as adapter:
        await whole(adapter, "chat", messages=HELLO)
        assert not {"keep_alive", "think", "options"} & ollama.seen[-1][1].keys()


async def test_a_model_that_cannot_think_is_not_asked_to(ollama: OllamaStandIn) -> None:
    ollama.capabilities = ["completion"]
    async with told(ollama, think="high") as adapter:
        await whole(adapter, "chat", messages=HELLO)
        assert "think" not in ollama.seen[-1][1]
    async with told(ollama, think=False) as adapter:
        await whole(adapter, "chat", messages=HELLO)
        assert ollama.seen[-1][1]["think"] is False


async def test_a_longer_prompt_gets_more_context_within_what_owner_and_model_allow(ollama: OllamaStandIn) -> None:
    ollama.limit = 4096
    async with told(ollama, num_ctx=512, num_ctx_max=8192) as adapter:
        sizes = []
        for words in (10, 400, 1500, 10):
            await whole(adapter, "chat", messages=said(words), max_tokens=100)
            sizes.append(ollama.seen[-1][1]["options"]["num_ctx"])
        assert sizes == [512, 2048, 4096, 4096], "asked for less, it would be loaded anew"
        ollama.loaded.clear()
        adapter.known = await adapter.probe()
        await whole(adapter, "chat", messages=said(10), max_tokens=100)
        assert ollama.seen[-1][1]["options"]["num_ctx"] == 512, "it is loaded anew in any case"
        with pytest.raises(ContextTooLong, match=r"context length is 4096 tokens.* in 6000 tokens"):
            await whole(adapter, "chat", messages=said(6_000))


async def test_a_model_that_is_loaded_anew_for_another_context_may_take_as_long_as_a_cold_one(
    ollama: OllamaStandIn,
) -> None:
    ollama.limit = 4096
    async with told(ollama, num_ctx=1024, num_ctx_max=4096) as adapter:
        sent = {"model": NAME, "options": {"num_ctx": 1024}}
        assert not adapter.warm(sent)
        await whole(adapter, "chat", messages=HELLO, max_tokens=5)
        adapter.known = await adapter.probe()
        assert adapter.known.contexts[NAME] == 4096, "what a request can have"
        assert adapter.warm(sent) and adapter.warm({"model": NAME})
        assert not adapter.warm({"model": NAME, "options": {"num_ctx": 2048}})
    async with told(ollama, num_ctx=8192) as adapter:
        await whole(adapter, "chat", messages=HELLO, max_tokens=5)
        adapter.known = await adapter.probe()
        assert adapter.known.contexts[NAME] == 4096, "it gives no model more than its own"
        assert adapter.warm({"model": NAME, "options": {"num_ctx": 8192}})


async def test_a_prompt_of_more_tokens_than_its_bytes_promise_is_sent_once_more(ollama: OllamaStandIn) -> None:
    """The stand-in counts words; these have two bytes each, with the space."""
    ollama.limit = 2048
    async with told(ollama, num_ctx=512, num_ctx_max=2048) as adapter:
        await whole(adapter, "chat", messages=[{"role": "user", "content": "a " * 1_100}])
        assert [body["options"]["num_ctx"] for _, body in ollama.seen] == [1024, 2048]


async def test_without_a_maximum_the_context_stays_and_the_refusal_has_numbers(ollama: OllamaStandIn) -> None:
    ollama.version = "0.20.0"
    async with told(ollama, num_ctx=300) as adapter:
        with pytest.raises(ContextTooLong, match=r"context length is 300 tokens.* about \d+ tokens"):
            await whole(adapter, "chat", messages=said(400))
        assert len(ollama.seen) == 1


async def test_what_the_owner_lets_callers_say_wins(ollama: OllamaStandIn) -> None:
    async with told(ollama, ("num_ctx",), num_ctx=300, num_ctx_max=1000) as adapter:
        await whole(adapter, "chat", messages=HELLO, num_ctx=640)
        assert ollama.seen[-1][1]["options"]["num_ctx"] == 640


async def test_a_probe_tells_what_each_model_can_and_what_is_loaded(ollama: OllamaStandIn) -> None:
    async with told(ollama) as adapter:
        assert adapter.known.abilities["llama3"] == {"completion", "tools", "thinking", "vision"}
        assert adapter.known.loaded == ()
        await whole(adapter, "chat", "llama3", messages=HELLO)
        found = await adapter.probe()
        assert found.contexts["llama3"] == found.contexts["llama3:latest"] == 100
        assert found.loaded is not None and "llama3" in found.loaded


async def test_an_ollama_that_may_cut_is_always_told_the_context_so_that_it_is_known(ollama: OllamaStandIn) -> None:
    ollama.version, ollama.limit = "0.11.4", 32_768
    ollama.parameters = 'num_ctx                        16384\nstop                           "<|im_end|>"'
    async with told(ollama) as adapter:
        await whole(adapter, "chat", messages=HELLO)
        assert ollama.seen[-1][1]["options"]["num_ctx"] == 16_384, "the Modelfile's"
    ollama.parameters = ""
    async with told(ollama) as adapter:
        await whole(adapter, "completion", prompt="hi")
        assert ollama.seen[-1][1]["options"]["num_ctx"] == 4096, "Ollama's own"
    async with told(ollama, num_ctx_max=20_000) as adapter:
        await whole(adapter, "chat", messages=said(5_000), max_tokens=100)
        assert ollama.seen[-1][1]["options"]["num_ctx"] == 16_384, "a prompt that fits by any measure cannot be cut"


@pytest.mark.parametrize(
    ("version", "options"),
    [
        *((version, None) for version in ("0.13.0", "0.40.2-rc1", "1.0")),
        *((version, {"num_ctx": 4096}) for version in ("0.12.11", "0.0.0", "dev", "")),
    ],
)
async def test_only_one_that_refuses_what_does_not_fit_is_told_nothing_that_nobody_said(
    ollama: OllamaStandIn, version: str, options: dict[str, int] | None
) -> None:
    ollama.version = version
    async with told(ollama) as adapter:
        await whole(adapter, "chat", messages=HELLO)
        assert ollama.seen[-1][1].get("options") == options
