"""What newer Ollamas add to their answers: cached tokens, rows of log probabilities, the words of llama.cpp."""

import json
from typing import Any

import pytest

from infra.backends.faults import blame, said
from infra.backends.ollama.answer import OllamaRepair
from infra.errors import BadRequest, ContextTooLong
from infra.metering.usage import openai_usage

ANSWER: dict[str, Any] = {
    "message": {"role": "assistant", "content": "Hi"},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 40,
    "eval_count": 2,
}


async def answered(**more: Any) -> dict[str, Any]:
    return await OllamaRepair("chat", {"model": "m"}, "req_1").whole({**ANSWER, **more})


@pytest.mark.parametrize(("told", "cached"), [(30, 30), (0, 0), (99, 40)])
async def test_cached_tokens_are_a_part_of_the_prompt(told: int, cached: int) -> None:
    usage = openai_usage(await answered(prompt_eval_cached_count=told))
    assert usage is not None
    assert (usage.input, usage.cached, usage.output) == (40, cached, 2)


@pytest.mark.parametrize("more", [{}, {"prompt_eval_cached_count": "many"}, {"prompt_eval_cached_count": -1}])
async def test_who_does_not_tell_them_has_none(more: dict[str, Any]) -> None:
    assert (await answered(**more))["usage"] == {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42}


async def test_rows_of_log_probabilities_have_openais_fields() -> None:
    rows = [{"token": "Hi", "logprob": -0.5}, {"token": "!", "logprob": -1.0, "bytes": [33]}, "nothing"]
    content = (await answered(logprobs=rows))["choices"][0]["logprobs"]["content"]
    assert content == [
        {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": []},
        {"token": "!", "logprob": -1.0, "bytes": [33], "top_logprobs": []},
    ]


def test_the_error_of_the_server_behind_it_is_read() -> None:
    words = "request (2622 tokens) exceeds the available context size (512 tokens), try increasing it"
    inner = {"code": 400, "message": words, "type": "exceed_context_size_error", "n_prompt_tokens": 2622, "n_ctx": 512}
    found = blame(400, {"error": json.dumps({"error": inner})}, {})
    assert isinstance(found, ContextTooLong)
    assert "512" in found.message
    assert "2622" in found.message


def test_other_words_of_it_reach_the_caller_as_words() -> None:
    found = blame(400, {"error": json.dumps({"error": {"code": 400, "message": "does not take images"}})}, {})
    assert isinstance(found, BadRequest)
    assert found.message == "does not take images"


@pytest.mark.parametrize("text", ["{broken", "{}", '{"error": 7}'])
def test_what_only_looks_like_one_does_no_harm(text: str) -> None:
    assert isinstance(said({"error": text})[0], str)
