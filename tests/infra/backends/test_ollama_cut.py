"""Prompts that an old Ollama cuts without a word are found out, and others, however dense, are not taken for such."""

import random
import re
from collections.abc import Callable, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.backends.ollama.cut import MESSAGE_TOKENS, TEMPLATE_TOKENS, prompt_most, was_cut
from infra.metering.ask import Ask
from infra.metering.context import was_cut as fell_short
from infra.metering.density import least, most
from tests.standins.llama import Llama

WORDS = "the of and a in to model gateway balance international understanding request slots".split()  # noqa: SIM905
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
HINDI = ("नमस्ते", "दुनिया", "भारत", "प्रश्न")


def some(chance: random.Random, letters: Sequence[str], count: int, between: str = "") -> str:
    return between.join(chance.choice(letters) for _ in range(count))


def code(chance: random.Random) -> str:
    return f"def f{chance.randrange(99)}(x, y): return x[{chance.randrange(9)}] + getElementById(y) ** 2"


KINDS: dict[str, Callable[[random.Random, int], str]] = {
    "english": lambda chance, size: some(chance, WORDS, size, " "),
    "indents": lambda chance, size: "".join(
        " " * chance.randrange(60) + "return x" + "\n" * chance.randrange(20) for _ in range(size // 4)
    ),
    "one character": lambda chance, size: chance.choice(" \n-=#a0.") * (6 * size),
    "digits": lambda chance, size: some(chance, "0123456789", size),
    "base64": lambda chance, size: some(chance, LETTERS, size),
    "chinese": lambda chance, size: some(chance, "的一是不了人我在有他这中大来上国个到说们", size),
    "hindi": lambda chance, size: some(chance, HINDI, size, " "),
    "code": lambda chance, size: "\n".join(code(chance) for _ in range(size // 8)),
}


DENSE = re.compile(r" ?[A-Za-z]{1,16}|(.)\1{7,63}|[\u3040-\u9fff]{1,3}|[^\x00-\x7f\u3040-\u9fff]{1,4}|.", re.DOTALL)


def dense(text: str) -> int:
    """A tokenizer with a large vocabulary: whole words, runs of 64, three ideographs at once."""
    return len(DENSE.findall(text))


def fine(text: str) -> int:
    """One with a small vocabulary: two letters of a word at once, else bytes; one space belongs to what follows it."""
    found = re.findall(r"\b[A-Z]?[a-z]+\b|.", re.sub("(?<=[!-~]) (?=[!-~])", "\0", text), re.DOTALL)
    return sum(-(-len(one) // 2) if one[0].isascii() else len(one.encode()) for one in found if one != "\0")


Message = dict[str, str]


def cut(messages: list[Message], context: int, count: Callable[[str], int], each: int) -> tuple[list[Message], int]:
    """As Ollama does it (server/prompt.go, runner.go): what is left, and its tokens."""

    def size(some: list[Message]) -> int:
        return sum(count(one["content"]) + each for one in some) + 3

    for first in range(len(messages)):
        kept = [one for one in messages[:first] if one["role"] == "system"] + messages[first:]
        if size(kept) <= context or first == len(messages) - 1:
            break
    return kept, min(context, size(kept))


def alone(message: Message) -> int:
    """Tokens of one message at most, its role among them."""
    return prompt_most({"messages": [message]}) - TEMPLATE_TOKENS


@st.composite
def talks(draw: st.DrawFn) -> list[Message]:
    chance = random.Random(draw(st.integers(0, 10**6)))
    sizes = draw(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(1, 400)), min_size=1, max_size=9))
    first = "system" if draw(st.booleans()) else "user"
    return [
        {"role": first if not number else "user", "content": KINDS[kind](chance, size)}
        for number, (kind, size) in enumerate(sizes)
    ]


def test_the_finest_of_them_is_within_the_bound() -> None:
    for kind, some_of in KINDS.items():
        text = some_of(random.Random(7), 3_000)
        assert fine(text) <= most(text), kind


@given(talks(), st.integers(64, 4096), st.sampled_from([dense, fine]), st.integers(0, MESSAGE_TOKENS))
def test_no_talk_that_was_cut_is_taken_for_whole_and_none_that_certainly_fits_for_cut(
    messages: list[Message], context: int, count: Callable[[str], int], each: int
) -> None:
    kept, read = cut(messages, context, count, each)
    whole = sum(count(one["content"]) + each for one in messages) + 3
    found = was_cut({"messages": messages}, read, context)
    if len(kept) < len(messages) or whole > context:
        assert found, (read, context)
    elif prompt_most({"messages": messages}) <= context and read < context - 1:
        assert not found
    elif all(alone(one) + read <= context for one in messages[:-1]) and read < context - 1:
        assert not found, "each that might have gone would have had room"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_long_message_is_never_refused_while_the_context_has_room(kind: str) -> None:
    text = KINDS[kind](random.Random(7), 3_000)
    sent = {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]}
    assert not was_cut(sent, dense(text) + 20, dense(text) + 40)
    assert was_cut(sent, dense(text), dense(text))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_dense_text_that_any_server_has_read_whole_is_billed(kind: str) -> None:
    """Of a server whose ways nobody knows, by the number of tokens alone."""
    text = KINDS[kind](random.Random(8), 12_000)
    ask = Ask("chat", "m", {"messages": [{"role": "user", "content": text}]}, prompt_estimate=len(text.encode()) // 4)
    assert not fell_short(ask, dense(text), dense(text) + 10)


def test_english_of_which_a_third_was_read_was_cut() -> None:
    text = KINDS["english"](random.Random(9), 12_000)
    ask = Ask("completion", "m", {"prompt": text}, prompt_estimate=len(text) // 4)
    assert fell_short(ask, 4_000, 4_096)
    assert fell_short(ask, 4_000, None) and fell_short(ask, 4_000, 100_000), "of a server whose context nobody knows"
    assert not fell_short(ask, len(text) // 10, None)
    assert not fell_short(ask, 1, None), "it had the rest in its cache"


def test_a_prompt_that_fills_a_known_context_was_cut() -> None:
    ask = Ask("embedding", "m", {"input": "a b c " * 300}, prompt_bound=1_900, prompt_estimate=450)
    assert fell_short(ask, 512, 512)
    assert not fell_short(ask, 511, 512) and not fell_short(ask, 512, None)


def test_what_a_server_may_leave_out_of_a_prompt_does_not_count() -> None:
    long = KINDS["english"](random.Random(3), 9_000)
    turns = [{"role": "assistant", "content": f"<think>{long}</think>yes", "reasoning_content": long}]
    body = {"messages": [{"role": "user", "content": "hello"}, *turns], "tools": [{"type": "function", "x": long}]}
    assert not fell_short(Ask("chat", "m", body, prompt_estimate=40_000), 300, None)
    asked = {**body, "messages": [{"role": "user", "content": [{"type": "text", "text": long}]}, *turns]}
    assert fell_short(Ask("chat", "m", asked, prompt_estimate=60_000, answers=3), 300, None)
    lists = {"prompt": [long, long]}
    assert not fell_short(Ask("completion", "m", lists, prompt_estimate=40_000, answers=2), 300, None), "one's count"


@given(talks(), st.integers(64, 4096), st.sampled_from([dense, fine]))
def test_of_one_before_0_4_half_a_context_may_be_all_that_is_left(
    messages: list[Message], context: int, count: Callable[[str], int]
) -> None:
    prompt = messages[-1]["content"]
    tokens, keep = count(prompt), 4
    piece = (context - keep) // 2
    read = tokens if tokens < context else tokens - (tokens - keep - piece) // piece * piece
    for sent in ({"prompt": prompt}, {"messages": messages[-1:]}):
        found = was_cut(sent, read, context, halves=True)
        assert found or tokens < context
        assert not found or prompt_most(sent) > context or read >= context - 1


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_real_tokenizer_stays_between_the_bounds(llama: Llama, kind: str) -> None:
    for seed in range(3):
        text = KINDS[kind](random.Random(seed), 500)
        tokens = len(httpx.post(f"{llama.url}/tokenize", json={"content": text}).json()["tokens"])
        assert least(text) <= tokens <= most(text) + 2, text[:80]


def test_pictures_count_for_what_ollama_takes_them() -> None:
    old = {"role": "user", "content": "what is this?", "images": ["aGk="]}
    sent = {"messages": [old, {"role": "assistant", "content": "a cat"}, {"role": "user", "content": "and now?"}]}
    assert was_cut(sent, 40, 600), "the picture did not fit"
    assert not was_cut(sent, 40, 8_192)
