from typing import Any

import pytest

from infra.backends import fields
from infra.backends.adapters import KINDS, make
from infra.backends.adapters.base import Adapter
from infra.config.objects import AdapterName, Backend
from infra.errors import BadRequest, UnsupportedParameter
from infra.metering.ask import Task

CHAT: dict[str, Any] = {"model": "asked", "messages": [{"role": "user", "content": "hi"}]}
PNG = "data:image/png;base64,iVBORw0KGgo="


def adapter(kind: AdapterName = "llamacpp", **more: Any) -> Adapter:
    return make(Backend("box", kind, "http://127.0.0.1:1", **more))


def part(part: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_backends_own_name_of_the_model_is_sent(kind: AdapterName) -> None:
    assert adapter(kind).prepare("chat", CHAT, "upstream").body["model"] == "upstream"


@pytest.mark.parametrize("kind", ["openai", "llamacpp", "vllm", "embedded"])
def test_streams_always_ask_for_usage_and_plain_requests_never(kind: AdapterName) -> None:
    options = {"stream_options": {"include_usage": False, "continuous_usage_stats": True}}
    body = adapter(kind).prepare("chat", {**CHAT, **options, "stream": True}, "u").body
    assert body["stream_options"] == {"include_usage": True}
    assert "stream_options" not in adapter(kind).prepare("chat", {**CHAT, **options}, "u").body


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(fields.STEERING))
def test_what_steers_the_backend_is_refused_by_name(kind: AdapterName, name: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        adapter(kind).prepare("chat", {**CHAT, name: 1}, "u")
    assert caught.value.param == name
    assert name in caught.value.message


def test_no_field_is_both_taken_and_refused() -> None:
    for kind in KINDS.values():
        for names in kind.fields.values():
            assert not names & fields.STEERING


def test_the_owner_can_open_a_field_that_is_refused_or_unknown() -> None:
    found = adapter(accept=("priority", "zork")).prepare("chat", {**CHAT, "priority": 1, "zork": 2}, "u")
    assert (found.body["priority"], found.body["zork"], found.ignored) == (1, 2, ())


def test_unknown_fields_are_dropped_and_named() -> None:
    found = adapter().prepare("chat", {**CHAT, "zork": 1, "blub": {}}, "u")
    assert found.ignored == ("zork", "blub")
    assert found.body.keys() == {"model", "messages"}


def test_null_is_the_same_as_absent() -> None:
    found = adapter().prepare("chat", {**CHAT, "priority": None, "temperature": None, "zork": None}, "u")
    assert found.body.keys() == {"model", "messages"}
    assert found.ignored == ()


@pytest.mark.parametrize(
    ("kind", "task", "taken"),
    [
        ("openai", "chat", "tools tool_choice response_format logprobs top_logprobs n seed stop user metadata store"),
        ("openai", "chat", "service_tier parallel_tool_calls reasoning_effort modalities prediction logit_bias"),
        ("openai", "completion", "prompt suffix echo logprobs max_tokens"),
        ("openai", "embedding", "input encoding_format dimensions user"),
        ("llamacpp", "chat", "top_k min_p grammar json_schema chat_template_kwargs reasoning_format dry_multiplier"),
        ("vllm", "chat", "top_k min_p guided_json structured_outputs stop_token_ids chat_template_kwargs"),
        ("ollama", "chat", "top_k min_p think repeat_penalty response_format tools reasoning_effort"),
    ],
)
def test_each_adapter_takes_the_fields_of_its_server(kind: AdapterName, task: Task, taken: str) -> None:
    assert set(taken.split()) <= adapter(kind).fields[task]


def test_template_arguments_are_plain_values() -> None:
    kwargs = {"enable_thinking": False, "level": 3, "mode": "x", "none": None}
    assert (
        adapter().prepare("chat", {**CHAT, "chat_template_kwargs": kwargs}, "u").body["chat_template_kwargs"] == kwargs
    )


@pytest.mark.parametrize(
    ("kwargs", "param"),
    [
        ({"a": {"b": 1}}, "chat_template_kwargs.a"),
        ({"a": [1]}, "chat_template_kwargs.a"),
        ({"chat_template": "{{ x }}"}, "chat_template_kwargs.chat_template"),
        ({"tokenize": True}, "chat_template_kwargs.tokenize"),
        ("text", "chat_template_kwargs"),
    ],
)
def test_template_arguments_that_reach_past_the_template_are_refused(kwargs: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        adapter().prepare("chat", {**CHAT, "chat_template_kwargs": kwargs}, "u")
    assert caught.value.param == param


@pytest.mark.parametrize(
    "found",
    [
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": PNG},
        {"type": "image_url", "image_url": {"url": PNG.upper()}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "text", "text": "see http://example.com/a.png"},
    ],
)
def test_media_in_the_request_itself_passes(found: dict[str, Any]) -> None:
    assert adapter().prepare("chat", part(found), "u").body["messages"][0]["content"] == [found]


@pytest.mark.parametrize(
    "found",
    [
        {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest/meta-data"}},
        {"type": "image_url", "image_url": {"url": " https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "image_url", "image_url": {"url": "/etc/passwd"}},
        {"type": "image_url", "image_url": "//example.com/a.png"},
        {"type": "audio_url", "audio_url": {"url": "s3://bucket/a.wav"}},
        {"type": "video_url", "video_url": {"url": "HTTPS://example.com"}},
        {"type": "input_audio", "input_audio": {"data": "http://example.com/a.wav", "format": "wav"}},
        {"type": "file", "file": {"file_data": "http://example.com/a.pdf"}},
        {"type": "file", "file": {"file_url": "x"}},
        {"type": "text", "text": "hi", "image_url": {"url": "http://example.com"}},
        {"image_url": {"url": "gopher://example.com"}},
    ],
)
def test_media_by_url_is_refused_whatever_the_part_calls_itself(found: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        adapter().prepare("chat", part(found), "u")
    assert (caught.value.param or "").startswith("messages[0].content[0].")
    assert adapter(media="any").prepare("chat", part(found), "u").body["messages"]


def test_a_single_part_that_is_no_list_is_checked_too() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": {"image_url": {"url": "http://example.com"}}}]}
    with pytest.raises(BadRequest):
        adapter().prepare("chat", body, "u")


@pytest.mark.parametrize(("task", "name"), [("completion", "prompt"), ("embedding", "input")])
@pytest.mark.parametrize("value", [{"prompt_string": "x", "multimodal_data": ["aa"]}, [{"prompt_string": "x"}]])
def test_prompts_are_text_or_tokens(task: Task, name: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        adapter().prepare(task, {"model": "m", name: value}, "u")
    assert caught.value.param == name
