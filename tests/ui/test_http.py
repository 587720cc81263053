"""The control room over plain HTTP: who may pass, what the cookie carries, what every answer says."""

import asyncio
import itertools
import json
import re
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.standins.admin_api import ADMIN_KEY, AdminStandIn
from tests.ui.conftest import Served
from ui.pages import PAGES

_addresses = (f"192.0.2.{number}" for number in itertools.count(1))


@pytest.fixture
async def browser(shared_room: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A cookie jar at an address of its own."""
    headers = {"x-forwarded-for": next(_addresses)}
    async with httpx.AsyncClient(base_url=shared_room.url, headers=headers, trust_env=False) as client:
        yield client


async def sign_in(browser: httpx.AsyncClient, key: str = ADMIN_KEY, target: str = "") -> httpx.Response:
    return await browser.post("/sign-in", params={"next": target} if target else None, data={"key": key})


@pytest.mark.parametrize("path", [re.sub(r"{.*}", "one", page.path) for page in PAGES])
async def test_every_page_sends_a_stranger_to_the_sign_in(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(f"{path}?a=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next={path.replace('/', '%2F')}%3Fa%3D1"


async def test_an_unknown_path_tells_a_stranger_nothing(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/docs")).status_code == 303
    assert (await browser.get("/openapi.json")).status_code == 303
    assert (await browser.post("/users", json={})).status_code == 401


async def test_the_right_key_signs_in_and_is_kept_nowhere(
    shared_room: Served, gateway: AdminStandIn, browser: httpx.AsyncClient
) -> None:
    answer = await sign_in(browser, target="/users?q=a")
    assert (answer.status_code, answer.headers["location"]) == (303, "/users?q=a")
    cookie = answer.headers["set-cookie"]
    assert re.search(r"; httponly", cookie, re.IGNORECASE)
    assert re.search(r"; samesite=lax", cookie, re.IGNORECASE)
    assert "secure" not in cookie.lower()
    page = await browser.get("/users")
    assert page.status_code == 200
    token = next(iter(gateway.tokens))
    kept = [found.read_text() for found in shared_room.storage.rglob("*") if found.is_file()]
    for place in [cookie, page.text, shared_room.log.read_text(), *kept]:
        assert ADMIN_KEY not in place
        assert token not in place
    assert gateway.seen[0].path == "/admin/session"


async def test_a_wrong_key_is_told_where_the_right_one_is(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    answer = await sign_in(browser, "wrong")
    assert answer.status_code == 401
    assert "That is not the admin key" in answer.text
    assert (await browser.get("/")).status_code == 303


async def test_attempts_are_braked_by_address(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    codes = [(await sign_in(browser, f"guess {number}")).status_code for number in range(12)]
    assert codes == [401] * 10 + [429] * 2
    assert "Too many attempts" in (await sign_in(browser)).text
    assert sum(seen.path == "/admin/session" for seen in gateway.seen) == 10


@pytest.mark.parametrize("key", ["", "   ", "a\nb", "k" * 9_000])
async def test_an_empty_or_endless_key_is_not_asked_about(
    gateway: AdminStandIn, browser: httpx.AsyncClient, key: str
) -> None:
    assert (await sign_in(browser, key)).status_code == 400
    assert [seen for seen in gateway.seen if seen.path == "/admin/session"] == []


async def test_without_a_gateway_the_sign_in_says_where_it_looked(
    shared_room: Served, browser: httpx.AsyncClient
) -> None:
    answer = await sign_in(browser)
    assert answer.status_code == 502
    assert f"not reachable at http://127.0.0.1:{shared_room.api_port}" in answer.text


async def test_the_gateways_own_refusal_is_shown_as_text(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    gateway.refuse = (503, "draining <b>now</b>")
    answer = await sign_in(browser)
    assert answer.status_code == 502
    assert "draining &lt;b&gt;now&lt;/b&gt;" in answer.text


async def test_a_sign_in_never_leads_to_another_host(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    assert (await sign_in(browser, target="//evil.example/x")).headers["location"] == "/"


async def test_a_sign_in_posted_from_another_site_is_refused(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/sign-in", data={"key": ADMIN_KEY}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    # What a sign-in of another test has asked ahead may still come; a sign-in itself is a POST.
    assert [seen for seen in gateway.seen if seen.method != "GET"] == []


async def test_signing_out_ends_the_session_for_copies_of_the_cookie_too(
    gateway: AdminStandIn, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    copied = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    answer = await browser.post("/sign-out")
    assert answer.headers["location"] == "/sign-in?why=left"
    assert (await browser.get("/")).status_code == 303
    again = await browser.get("/", headers=copied)
    assert (again.status_code, again.headers["location"]) == (303, "/sign-in?next=%2F&why=expired")
    assert "session is over" in (await browser.get(again.headers["location"])).text


async def test_signing_out_hands_the_token_back_and_without_a_gateway_still_signs_out(
    gateway: AdminStandIn, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    [token] = gateway.tokens
    await browser.post("/sign-out")
    assert token not in gateway.tokens
    assert (gateway.seen[-1].method, gateway.seen[-1].path) == ("DELETE", "/admin/session")
    await sign_in(browser)
    gateway.refuse = (500, "scripted")
    assert (await browser.post("/sign-out")).headers["location"] == "/sign-in?why=left"
    assert (await browser.get("/")).status_code == 303


async def test_a_reader_who_leaves_in_the_middle_of_an_asset_is_no_error(
    shared_room: Served, gateway: AdminStandIn, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    page = (await browser.get("/users")).text
    assets = re.findall(r"/_nicegui/[^\"\\]+\.js", page)
    sizes = {path: len((await browser.get(path)).content) for path in set(assets)}
    largest = max(sizes, key=lambda path: sizes[path])
    assert sizes[largest] > 300_000
    host, port = shared_room.url.removeprefix("http://").split(":")
    for place in range(40):
        with socket.socket() as leaver:
            leaver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            leaver.connect((host, int(port)))
            leaver.sendall(f"GET {largest} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
            await asyncio.to_thread(leaver.recv, 1 + place % 2 * 20_000)
    await asyncio.sleep(0.5)
    assert (await browser.get("/health")).text == "ok"
    assert "Traceback" not in shared_room.log.read_text()


async def test_a_session_ends_when_the_token_does(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    gateway.token_seconds = 0
    await sign_in(browser)
    assert (await browser.get("/")).status_code == 303


async def test_a_forged_cookie_is_no_session(browser: httpx.AsyncClient) -> None:
    browser.cookies.set("aethergate_room", "eyJzaWQiOiAieCJ9.Zm9yZ2Vk.c2lnbmF0dXJl")
    assert (await browser.get("/")).status_code == 303


async def test_every_answer_forbids_framing_and_other_hosts(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for path in ("/", "/sign-in", "/health", "/static/room.css", "/nowhere"):
        headers = (await browser.get(path)).headers
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "connect-src 'self';" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_behind_https_the_cookie_is_secure(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/sign-in", data={"key": ADMIN_KEY}, headers={"x-forwarded-proto": "https"})
    assert "; secure" in answer.headers["set-cookie"].lower()


async def test_under_a_sub_path_redirects_forms_and_assets_keep_it(
    gateway: AdminStandIn, browser: httpx.AsyncClient
) -> None:
    proxied = {"x-forwarded-prefix": "/console"}
    assert (await browser.get("/keys", headers=proxied)).headers["location"] == "/console/sign-in?next=%2Fkeys"
    form = (await browser.get("/sign-in?next=/keys", headers=proxied)).text
    assert 'action="/console/sign-in?next=%2Fkeys"' in form
    assert 'href="/console/static/sign_in.css?v=' in form
    answer = await browser.post("/sign-in?next=/keys", data={"key": ADMIN_KEY}, headers=proxied)
    assert answer.headers["location"] == "/console/keys"
    page = (await browser.get("/keys", headers=proxied)).text
    assert 'href="/console/static/room.css?v=' in page
    assert 'prefix: "/console"' in page


async def test_the_health_route_needs_no_sign_in(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/health")
    assert (answer.status_code, answer.text) == (200, "ok")


async def test_a_page_names_no_other_host(gateway: AdminStandIn, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for page in PAGES:
        text = (await browser.get(page.path)).text
        outside = set(re.findall(r"""(?:src|href)=["'](https?:)?//""", text))
        assert not outside, page.path
        assert json.dumps(ADMIN_KEY) not in text
