from typing import Any

from infra.backends.assemble import assembled
from infra.backends.logprobs import legacy


def chunk(index: int, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion.chunk",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
    }


def test_choices_are_joined_by_index_and_the_usage_is_kept() -> None:
    events = [
        chunk(1, role="assistant", content="b"),
        chunk(0, role="assistant", content=None),
        chunk(0, content="a"),
        chunk(1, content="B"),
        chunk(0, "stop"),
        chunk(1, "length"),
        {"id": "x", "choices": [], "usage": {"completion_tokens": 3}},
    ]
    answer = assembled("chat", events)
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["a", "bB"]
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["stop", "length"]
    assert (answer["object"], answer["usage"]) == ("chat.completion", {"completion_tokens": 3})


def test_tool_calls_and_thinking_are_joined_from_their_pieces() -> None:
    events = [
        chunk(0, role="assistant", reasoning_content="let "),
        chunk(0, reasoning_content="me"),
        chunk(0, tool_calls=[{"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a"'}}]),
        chunk(0, tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
        chunk(0, tool_calls=[{"index": 1, "id": "c2", "function": {"name": "g", "arguments": "{}"}}]),
        chunk(0, "tool_calls"),
    ]
    message = assembled("chat", events)["choices"][0]["message"]
    assert message["reasoning_content"] == "let me"
    assert message["content"] is None
    assert [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]
    ] == [
        ("c1", "f", '{"a":1}'),
        ("c2", "g", "{}"),
    ]


def test_completions_join_text_and_legacy_logprobs() -> None:
    row = {"token": "ab", "logprob": -1.0, "top_logprobs": [{"token": "ab", "logprob": -1.0}]}
    events = [
        {"choices": [{"index": 0, "text": "ab", "logprobs": legacy({"content": [row]}), "finish_reason": None}]},
        {"choices": [{"index": 0, "text": "ab", "logprobs": legacy({"content": [row]}, 2), "finish_reason": "stop"}]},
    ]
    choice = assembled("completion", events)["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("abab", "stop")
    assert choice["logprobs"] == {
        "tokens": ["ab", "ab"],
        "token_logprobs": [-1.0, -1.0],
        "top_logprobs": [{"ab": -1.0}, {"ab": -1.0}],
        "text_offset": [0, 2],
    }


def test_what_is_in_the_legacy_shape_already_or_missing_stays() -> None:
    assert legacy(None) is None
    assert legacy({"tokens": ["a"]}) == {"tokens": ["a"]}
