from typing import Any

import pytest

from infra.backends.faults import ErrorAnswer, NotReady, blame, clean, said
from infra.errors import BackendTimeout, BadRequest, ContextTooLong, NoBackend, Overloaded


def openai(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, openai("bad temperature", param="temperature"), BadRequest),
        (422, {"detail": "x"}, BadRequest),
        (400, None, BadRequest),
        (401, openai("Invalid API Key"), ErrorAnswer),
        (403, openai("forbidden"), ErrorAnswer),
        (404, openai("The model `x` does not exist.", code="model_not_found"), NoBackend),
        (404, {"error": "model 'x' not found"}, NoBackend),
        (404, openai("File Not Found", type="not_found_error", code=404), BadRequest),
        (501, openai("This server does not support embeddings. Start it with `--embeddings`"), BadRequest),
        (429, openai("slow down"), Overloaded),
        (503, openai("Loading model", type="unavailable_error", code=503), NotReady),
        (503, {"error": "server busy, please try again."}, NotReady),
        (408, None, BackendTimeout),
        (504, "text", BackendTimeout),
        (500, openai("CUDA out of memory"), ErrorAnswer),
        (500, ["list"], ErrorAnswer),
        (302, None, ErrorAnswer),
    ],
)
def test_an_answer_that_is_no_success_is_blamed_on_the_right_side(status: int, body: Any, kind: type) -> None:
    assert type(blame(status, body, {})) is kind


@pytest.mark.parametrize(
    "message",
    [
        'Failed to parse messages: Missing \'role\' in message: {"content":"x"}',
        'Failed to parse tools: Expected \'tools\' to be an array, got "x"; tools = "x"',
        "Failed to parse tools: Missing tool function: {}; tools = []",
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "[json.exception.type_error.302] type must be number, but is string",
    ],
)
def test_mistakes_of_the_client_that_llama_cpp_answers_with_500_are_400(message: str) -> None:
    assert blame(500, openai(message, type="server_error", code=500), {}).status == 400


@pytest.mark.parametrize(
    ("status", "body", "numbers"),
    [
        (
            400,
            openai(
                "request (3031 tokens) exceeds the available context size (2048 tokens), try increasing it",
                type="exceed_context_size_error",
                n_prompt_tokens=3031,
                n_ctx=2048,
            ),
            ("2048", "3031"),
        ),
        (
            500,
            openai(
                "input (701 tokens) is too large to process. increase the physical batch size (current batch size: 512)"
            ),
            ("512", "701"),
        ),
        (
            400,
            openai("This model's maximum context length is 2048 tokens. However, you requested 3000 tokens."),
            ("2048", "3000"),
        ),
        (400, {"error": "the input length exceeds the context length"}, ()),
        (400, openai("too long", code="context_length_exceeded"), ()),
    ],
)
def test_a_prompt_that_is_too_long_is_told_with_the_numbers(status: int, body: Any, numbers: tuple[str, ...]) -> None:
    found = blame(status, body, {})
    assert isinstance(found, ContextTooLong)
    assert found.code == "context_length_exceeded"
    assert all(number in found.message for number in numbers)
    if len(numbers) == 2:
        assert f"maximum context length is {numbers[0]} tokens" in found.message


@pytest.mark.parametrize(("given", "seconds"), [("7", 7), ("0.5", 0.5), ("-1", 0), ("x", 2), ("nan", 2), ("1e9", 3600)])
def test_retry_after_is_taken_over_where_it_is_sensible(given: str, seconds: float) -> None:
    found = blame(429, None, {"retry-after": given})
    assert found.retry_after == (seconds or 2)


def test_the_callers_param_is_kept_and_a_code_that_is_a_number_is_not() -> None:
    found = blame(400, openai("bad", param="top_p", code=400), {})
    assert found.body()["error"] == {"message": "bad", "type": "invalid_request_error", "param": "top_p", "code": None}


@pytest.mark.parametrize(
    "secret",
    [
        "http://10.0.0.7:8080/v1/chat",
        "10.0.0.7:11434",
        "192.168.1.5",
        "localhost:8080",
        "gpu-1.lan:8000",
        "/root/models/qwen.gguf",
        "C:\\models\\qwen.gguf",
    ],
)
def test_no_address_and_no_path_reaches_the_caller(secret: str) -> None:
    for status in (400, 401, 404, 429, 500, 503):
        assert secret not in blame(status, openai(f"failed at {secret}, sorry"), {}).message
    assert clean(f"failed at {secret}, sorry").startswith("failed at …")


def test_messages_stay_short_and_ordinary_words_stay_whole() -> None:
    assert len(clean("x " * 10_000)) <= 500
    text = "Field 'temperature': value must be between 0 and 2, see n/a and 1.5 or and/or"
    assert clean(text) == text


@pytest.mark.parametrize("body", [None, [], "", 5, {}, {"error": None}, {"error": []}, {"error": {"message": None}}])
def test_error_bodies_of_any_shape_are_read_without_a_fault(body: Any) -> None:
    assert said(body)[0] in ("", "None")
    assert blame(500, body, {}).status == 502
