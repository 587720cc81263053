"""What repeats the event before but for its text leaves, and is billed, as if it had been taken apart."""

import json
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as some
import pytest
from hypothesis import given, settings

from functions.chat_completions import schema as chat
from functions.completions import schema as completions
from infra.backends.pattern import TEXTS, VAIN_MAX, Patterns, Repeat, pattern_of
from infra.backends.reply import Repair, Reply
from infra.config.objects import Deadlines
from infra.metering.bounds import Bounds
from infra.metering.meter import Meter
from infra.metering.price import PriceList
from infra.runtime.outgoing import Outgoing

HELLO = {"chat": {"messages": [{"role": "user", "content": "hi"}]}, "completion": {"prompt": "hi"}}
SCHEMAS = {"chat": chat, "completion": completions}


class Plain(Repair):
    """The same repair with nothing taken for a repetition."""

    repeats = False


class Given:
    """A body of these bytes, read in these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def read(self, seconds: float | None) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def flow(self, take: Callable[[bytes], bool], quick: Callable[[bytes], bool | None], seconds: float) -> None:
        while self._pieces:
            piece = self._pieces.pop(0)
            more = quick(piece) if piece.startswith(b"data: ") else None
            if not (take(piece) if more is None else more):
                break

    async def aclose(self) -> None:
        self._pieces.clear()


async def sent(task: str, pieces: list[bytes], repair: Repair) -> tuple[bytes, Any, int]:
    """What leaves, what the meter has seen, and how many events were taken for repetitions."""
    schema = SCHEMAS[task]
    ask = schema.parse({"model": "m", "stream": True, **HELLO[task]})
    meter = Meter(ask, schema.READING, Bounds(PriceList(), 10**6, 10**6, 1))
    outgoing, left, repeats = Outgoing(meter, "m", None), [], 0

    def take(events: list[Any]) -> bool:
        nonlocal repeats
        repeats += sum(type(event) is Repeat for event in events)
        left.append(outgoing.leaving(events))
        return True

    reply = Reply(Given(list(pieces)), repair, Deadlines())  # type: ignore[arg-type]
    async for events in reply.events(take):
        take(events)
    return b"".join(left), (meter.pieces, meter.reported, meter._stale, meter._texts, outgoing.last["object"]), repeats


texts = some.one_of(
    some.sampled_from(["", "m", "word ", '"', "\\", "stop", "content", "\u2028é\n", "\x00"]), some.text()
)
extras = some.sampled_from(
    [
        {},
        {},
        {},
        {"usage": None},
        {"usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        {"created": 7},
        {"timings": 1},
    ]
)
sayings = some.one_of(
    some.builds(lambda field, text: {"delta": {field: text}}, some.sampled_from((*TEXTS, "other")), texts),
    some.builds(lambda text: {"delta": {"content": text}}, texts),
    some.builds(lambda text: {"delta": {"content": text, "role": "assistant"}}, texts),
    some.builds(lambda text: {"text": text}, texts),
    some.builds(lambda text: {"text": text, "delta": {"content": text}}, texts),
    some.just({"delta": {}, "finish_reason": "stop"}),
)
choices = some.builds(
    lambda saying, more: {**saying, **more},
    sayings,
    some.sampled_from([{"index": 0}, {"index": 0, "finish_reason": None}, {"index": 1}, {"logprobs": None}, {}]),
)
events = some.builds(
    lambda found, extra: {"id": "x", "object": "chunk", "model": "theirs", "choices": found, **extra},
    some.one_of(some.lists(choices, min_size=1, max_size=1), some.lists(choices, max_size=2)),
    extras,
)
streams = some.lists(
    some.tuples(events, some.integers(1, 4), some.booleans()).map(
        lambda found: (
            (b"data: %s\n\n" % json.dumps(found[0], ensure_ascii=found[2]).encode("utf-8", "replace")) * found[1]
        )
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("task", ["chat", "completion"])
async def test_repetitions_leave_and_are_billed_like_all_others(task: str) -> None:
    found: list[list[bytes]] = []

    @settings(max_examples=400, deadline=None)
    @given(streams, some.integers(0, 400))
    def gather(parts: list[bytes], size: int) -> None:
        whole = b"".join([*parts, b"data: [DONE]\n\n"])
        if size % 3:
            found.append([whole[at : at + size] for at in range(0, len(whole), size)])
        else:
            found.append([event + b"\n\n" for event in whole.removesuffix(b"\n\n").split(b"\n\n")])

    gather()
    repeats = 0
    for pieces in found:
        long_way, (left, seen, repeated) = await sent(task, pieces, Plain()), await sent(task, pieces, Repair())
        assert (left, seen) == long_way[:2]
        assert long_way[2] == 0
        repeats += repeated
    assert repeats > 100  # else it tests nothing


def event(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "m", "choices": [{"index": 0, "delta": {"content": text}}], **more}).encode()


def test_a_stream_that_changes_in_every_event_is_soon_left_alone() -> None:
    patterns, learnt = Patterns(), 0
    for number in range(100):
        data = event("a", created=number)
        assert patterns.repeat(data) is None
        patterns.learn(data, json.loads(data))
        learnt += patterns._now is not None
    assert learnt == VAIN_MAX


def test_only_what_is_like_it_in_every_byte_repeats_an_event() -> None:
    patterns = Patterns()
    patterns.learn(event("a"), json.loads(event("a")))
    assert [found.text for text in ("b", "", 'say "hi"', "é") if (found := patterns.repeat(event(text)))] == [
        "b",
        "",
        'say "hi"',
        "é",
    ]
    assert patterns.repeat(event("b", more=1)) is None
    assert patterns.repeat(event("b").replace(b'"b"', b"7")) is None
    assert patterns.repeat(event("b").replace(b'"b"', b'"b", "role": "x"')) is None
    assert patterns.repeat(event("b").replace(b'"b"', b'"\xff"')) is None
    assert patterns.repeat(event("")[:-3]) is None


@pytest.mark.parametrize(
    "strange",
    [
        {"choices": []},
        {"choices": [{"delta": {"content": "a", "role": "assistant"}}]},
        {"choices": [{"delta": {"content": None}}]},
        {"choices": [{"delta": {"tool_calls": "a"}}]},
        {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]},
        {"choices": [{"delta": {"content": "a"}, "logprobs": {}}]},
        {"choices": [{"delta": {"content": "a"}}], "usage": {}},
        {"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "a"}}]},
    ],
)
def test_what_says_more_than_a_text_is_no_pattern(strange: dict[str, Any]) -> None:
    assert pattern_of(strange) is None
