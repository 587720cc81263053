"""Whatever is sent: OpenAI's error shape with the right 4xx, never a 5xx, never a hang, and the next one is served."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

CHAT, PATH = {"model": "stand-in", "messages": [{"role": "user", "content": "hi"}]}, "/v1/chat/completions"


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Running]:
    async with StandIn() as backend, running(tmp_path, MANIFEST, backend=backend.url) as found:
        yield found


def chat(**fields: Any) -> bytes:
    return json.dumps({**CHAT, **fields}).encode()


def deep(levels: int) -> bytes:
    return chat(metadata="@").replace(b'"@"', b"[" * levels + b"]" * levels)


BODIES: list[tuple[str, bytes, str | None]] = [
    ("empty", b"", None),
    ("white space", b"  \n", None),
    ("malformed", b'{"model": ', None),
    ("no object", b"[1, 2]", None),
    ("null", b"null", None),
    ("text", b'"hi"', None),
    ("not UTF-8", b'{"model": "\xff\xfe"}', None),
    ("UTF-16", json.dumps(CHAT).encode("utf-16"), None),
    ("NaN", b'{"model": NaN}', None),
    ("huge integer", chat(max_tokens="@").replace(b'"@"', b"9" * 5000), None),
    ("large integer", chat(max_tokens="@").replace(b'"@"', b"9" * 25), "max_tokens"),
    ("huge exponent", chat(temperature="@").replace(b'"@"', b"1e99999"), None),
    ("nested 200 deep", deep(200), None),
    ("nested 2,000 deep", deep(2_000), None),
    ("nested 100,000 deep", deep(100_000), None),
    ("lone surrogate", chat(user="@").replace(b"@", b"\\ud800"), None),
    ("trailing comma", chat()[:-1] + b",}", None),
    ("form", b"model=stand-in", None),
    ("no model", json.dumps({"messages": CHAT["messages"]}).encode(), "model"),
    ("empty model", chat(model=""), "model"),
    ("model is a list", chat(model=["stand-in"]), "model"),
    ("NUL in the model", chat(model="stand\x00in"), "model"),
    ("unknown model", chat(model="x" * 10_000), "model"),
    ("stream is text", chat(stream="true"), "stream"),
    ("stream is a number", chat(stream=1), "stream"),
    ("max_tokens below one", chat(max_tokens=-1), "max_tokens"),
    ("max_tokens zero", chat(max_tokens=0), "max_tokens"),
    ("max_tokens a fraction", chat(max_tokens=1.5), "max_tokens"),
    ("max_tokens true", chat(max_tokens=True), "max_tokens"),
    ("max_tokens text", chat(max_tokens="5"), "max_tokens"),
    ("n zero", chat(n=0), "n"),
    ("n huge", chat(n=10**9), "n"),
    ("temperature text", chat(temperature="hot"), "temperature"),
    ("temperature too high", chat(temperature=99), "temperature"),
    ("no messages", json.dumps({"model": "stand-in"}).encode(), "messages"),
    ("messages empty", chat(messages=[]), "messages"),
    ("messages text", chat(messages="hi"), "messages"),
    ("message null", chat(messages=[None]), "messages[0]"),
    ("message without role", chat(messages=[{"content": "hi"}]), "messages[0].role"),
    ("message with a strange role", chat(messages=[{"role": "zork", "content": "hi"}]), "messages[0].role"),
    ("content a number", chat(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
    ("content part without type", chat(messages=[{"role": "user", "content": [{}]}]), "messages[0].content"),
    ("tools empty object", chat(tools={}), "tools"),
    ("stream options without stream", chat(stream_options={"include_usage": True}), "stream_options"),
    ("include_usage text", chat(stream=True, stream_options={"include_usage": "y"}), "stream_options.include_usage"),
    ("response_format text", chat(response_format="json"), "response_format"),
    ("scheduler field", chat(priority=1), "priority"),
    ("own template", chat(chat_template="{{ x }}"), "chat_template"),
]


async def refused(gate: Running, key: str, body: bytes, **headers: str) -> dict[str, Any]:
    """The error of a chat request with these bytes; then a good request must be served."""
    answer = await gate.client.post(
        PATH, content=body, headers={"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
    )
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] is None or isinstance(error["code"], str)
    assert len(error["message"]) < 1_000
    assert "Traceback" not in error["message"] and "/work/" not in error["message"]
    good = await gate.post(PATH, key, CHAT)
    assert good.status_code == 200
    return {**error, "status": answer.status_code}


@pytest.mark.parametrize(("name", "body", "param"), BODIES, ids=[name for name, _, _ in BODIES])
async def test_a_bad_body_is_a_clear_4xx(gate: Running, name: str, body: bytes, param: str | None) -> None:
    error = await refused(gate, await gate.key(), body)
    assert error["status"] == (404 if name in ("unknown model", "NUL in the model") else 400)
    if param is not None:
        assert error["param"] == param


async def test_a_number_that_no_machine_holds_is_refused_by_the_name_of_its_field(gate: Running) -> None:
    error = await refused(gate, await gate.key(), chat(temperature="@").replace(b'"@"', b"1e400"))
    assert (error["status"], error["param"]) == (400, "temperature")
    assert "$" not in error["message"]


async def test_field_names_that_no_header_can_carry_do_no_harm(gate: Running) -> None:
    answer = await gate.post(PATH, await gate.key(), {**CHAT, "a\r\nset-cookie: x": 1, "ü": 2, "zork": 3})
    assert answer.status_code == 200
    assert answer.headers["x-aethergate-ignored"] == "zork, +2 more"
    assert "set-cookie" not in answer.headers


async def test_a_body_over_the_limit_is_413_and_the_client_can_read_it(gate: Running) -> None:
    error = await refused(gate, await gate.key(), b"{" + b" " * 17_000_000 + b"}")
    assert (error["status"], error["code"]) == (413, "body_too_large")


async def test_a_chunked_body_over_the_limit_is_413(gate: Running) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 65_536

    key = await gate.key()
    answer = await gate.client.post(PATH, content=chunks(), headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 413
    assert (await gate.post(PATH, key, CHAT)).status_code == 200


async def test_a_compressed_body_is_415(gate: Running) -> None:
    error = await refused(gate, await gate.key(), gzip.compress(chat()), **{"content-encoding": "gzip"})
    assert (error["status"], error["code"]) == (415, "unsupported_encoding")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/nope", 404, "not_found"),
        ("POST", "/v1x/chat/completions", 404, "not_found"),
        ("POST", "/v1/chat/completions/", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/embeddings", 405, "method_not_allowed"),
        ("PURGE", "/health", 405, "method_not_allowed"),
        ("GET", "/v1/%00", 404, "not_found"),
        ("GET", "/v1/%ff%fe", 404, "not_found"),
        ("GET", "/../../etc/passwd", 404, "not_found"),
    ],
)
async def test_an_unknown_route_or_method_is_named(
    gate: Running, method: str, path: str, status: int, code: str
) -> None:
    answer = await gate.client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer a b",
        "Bearer sk-wrong",
        "Basic abc",
        "Bearer " + "x" * 9_000,
        "bearer  sk-",
        "Bearer \xff\xfe",
    ],
)
async def test_a_wrong_key_is_401_in_the_words_that_clients_know(gate: Running, header: str) -> None:
    answer = await gate.client.post(PATH, json=CHAT, headers={"authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert error["code"] == "invalid_api_key"
    assert "API key" in error["message"]
    assert len(error["message"]) < 300


async def raw(gate: Running, data: bytes) -> bytes:
    """What the gateway answers to these bytes on a fresh connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rsplit(":", 1)[1]))
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(65_536), 10)
    writer.close()
    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
async def test_bytes_that_are_no_request_do_no_harm(gate: Running, data: bytes) -> None:
    answer = await raw(gate, data)
    assert not answer.startswith(b"HTTP/1.1 5")
    assert (await gate.client.get("/health")).status_code == 200


async def test_an_upgrade_to_http2_is_not_taken_on_the_plain_port(gate: Running) -> None:
    answer = await raw(gate, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_browser_of_any_origin_may_call_and_read_the_errors(gate: Running) -> None:
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
    }
    answer = await gate.client.options(PATH, headers=asked)
    assert answer.status_code == 204
    allowed = answer.headers["access-control-allow-headers"]
    assert {"Authorization", "Content-Type", "x-stainless-os"} <= {name.strip() for name in allowed.split(",")}
    error = await gate.client.post(PATH, json=CHAT, headers={"origin": "https://app.example"})
    assert error.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in error.headers
    assert "access-control-allow-origin" not in (await gate.client.get("/metrics")).headers
