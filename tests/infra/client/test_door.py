"""Whatever answers, or nobody: the caller gets a sentence."""

import json
import socket
from collections.abc import Callable

import httpx
import pytest

from infra.client import AdminClient, ApiError, Unreachable


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> AdminClient:
    return AdminClient("http://gate", token="key", transport=httpx.MockTransport(answer))


async def test_nobody_there_is_unreachable_with_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with AdminClient(url, token="key") as admin:
            with pytest.raises(Unreachable, match=f"no gateway answers at {url}"):
                await admin.users()


@pytest.mark.parametrize("address", ["http://[", "nonsense", "ftp://here"])
async def test_an_address_that_is_none_is_unreachable(address: str) -> None:
    with pytest.raises(Unreachable):
        async with AdminClient(address, token="key") as admin:
            await admin.users()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b"\xff", b'"text"'])
async def test_another_server_is_told_from_a_gateway(body: bytes) -> None:
    async with client_of(lambda _: httpx.Response(200, content=body)) as admin:
        with pytest.raises(Unreachable, match="no AetherGate"):
            await admin.users()


async def test_an_error_page_of_a_proxy_is_no_error_of_the_gateway() -> None:
    async with client_of(lambda _: httpx.Response(502, json={"error": "bad gateway"})) as admin:
        with pytest.raises(Unreachable, match="HTTP 502"):
            await admin.users()


async def test_an_error_keeps_its_parts() -> None:
    envelope = {"error": {"message": "Slow down.", "type": "rate_limit_error", "param": None, "code": "too_fast"}}
    headers = {"retry-after": "7", "x-request-id": "req_1"}
    async with client_of(lambda _: httpx.Response(429, json=envelope, headers=headers)) as admin:
        with pytest.raises(ApiError, match=r"Slow down\.") as found:
            await admin.users()
    error = found.value
    assert (error.status, error.code, error.retry_after, error.request_id) == (429, "too_fast", 7, "req_1")


async def test_the_key_travels_in_its_header_and_names_cannot_climb() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    async with client_of(answer) as admin:
        await admin.user("../keys?x=1#y")
        await admin.add_user("zoë", "1.10")
    assert seen[0].headers["x-admin-key"] == "key"
    assert seen[0].url.raw_path == b"/admin/users/%2E%2E%2Fkeys%3Fx%3D1%23y"
    assert json.loads(seen[1].content) == {"username": "zoë", "balance": "1.10"}
    assert seen[1].headers["idempotency-key"]


async def test_a_client_that_was_closed_says_so() -> None:
    admin = AdminClient("http://127.0.0.1:9", token="any")
    await admin.close()
    with pytest.raises(Unreachable, match="was closed here"):
        await admin.users()
