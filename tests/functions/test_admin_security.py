"""Who may reach the admin API, and what a browser or a cache on the way may do with it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.identity import sessions
from tests.functions.trade.owner import Owner
from tests.functions.whole import MANIFEST, Whole
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY, running

SKIPPED = {"/admin/events"}
"""It does not end by itself."""


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with StandIn() as backend, running(tmp_path, MANIFEST, backend=backend.url) as found:
        house = Whole(Owner(found), backend)
        await house.fill()
        yield house


def routes(whole: Whole) -> list[tuple[str, str]]:
    """Method and a path for every route that takes the admin key."""
    return [
        (route.method, route.path.replace("{id:path}", "a").replace("{id}", "a").replace("{name}", "a"))
        for function in whole.owner.gateway.functions
        if function.endpoint.access == "admin"
        for route in function.endpoint.routes
    ]


async def ask(whole: Whole, method: str, path: str, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await whole.owner.running.client.request(method, path, headers=names)


async def test_no_other_page_may_call_any_route_of_the_owner(whole: Whole) -> None:
    assert len(routes(whole)) > 30
    for method, path in routes(whole):
        preflight = await ask(
            whole, "OPTIONS", path, origin="https://evil.example", access_control_request_method=method
        )
        assert preflight.status_code == 405, path
        refused = await ask(whole, method, path, origin="https://evil.example")
        assert refused.status_code == 401, path
        for answer in (preflight, refused):
            assert [name for name in answer.headers if name.startswith("access-control")] == [], path
    allowed = await ask(whole, "GET", "/admin/users", origin="https://evil.example", x_admin_key=ADMIN_KEY)
    assert allowed.status_code == 200
    assert [name for name in allowed.headers if name.startswith("access-control")] == []


async def test_a_users_key_opens_none_of_them(whole: Whole) -> None:
    for method, path in routes(whole):
        answer = await ask(whole, method, path, authorization=f"Bearer {whole.key}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin_required"), path


async def test_no_cache_keeps_what_the_owner_saw(whole: Whole) -> None:
    for method, path in routes(whole):
        if method == "GET" and path not in SKIPPED:
            answer = await ask(whole, method, path, x_admin_key=ADMIN_KEY)
            assert answer.headers.get_list("cache-control") == ["no-store"], path
    wrong = await ask(whole, "GET", "/admin/users", x_admin_key="wrong")
    assert wrong.headers["cache-control"] == "no-store"
    async with whole.owner.running.client.stream("GET", "/admin/events", headers={"x-admin-key": ADMIN_KEY}) as events:
        assert events.headers.get_list("cache-control") == ["no-cache"]


async def test_guesses_at_the_session_are_braked_and_the_owner_is_not_locked_out(whole: Whole) -> None:
    guesses = [(await ask(whole, "POST", "/admin/session", x_admin_key=f"guess-{n}")) for n in range(12)]
    assert {answer.status_code for answer in guesses[:10]} == {401}
    assert {answer.status_code for answer in guesses[10:]} == {429}
    assert int(guesses[11].headers["retry-after"]) > 0
    assert (await ask(whole, "POST", "/admin/session", x_admin_key=ADMIN_KEY)).status_code == 200


async def test_a_session_ends_opens_no_other_and_is_worth_nothing_when_it_is_altered(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await ask(whole, "POST", "/admin/session", x_admin_key=ADMIN_KEY)).json()["token"]
    assert (await ask(whole, "GET", "/admin/users", authorization=f"Bearer {token}")).status_code == 200
    assert (await ask(whole, "POST", "/admin/session", x_admin_key=token)).status_code == 403
    assert (await ask(whole, "GET", "/v1/models", authorization=f"Bearer {token}")).status_code == 401
    for place in (4, 16, 40, -1):
        altered = list(token)
        altered[place] = "0" if altered[place] != "0" else "1"
        assert (await ask(whole, "GET", "/admin/users", x_admin_key="".join(altered))).status_code in (401, 429)
    monkeypatch.setattr(sessions, "SESSION_SECONDS", 0)
    over = (await ask(whole, "POST", "/admin/session", x_admin_key=ADMIN_KEY)).json()["token"]
    assert (await ask(whole, "GET", "/admin/users", x_admin_key=over)).status_code in (401, 429)


async def test_the_document_can_be_read_behind_a_prefix_that_a_proxy_takes_away(whole: Whole) -> None:
    found = (await ask(whole, "GET", "/admin/openapi.json", x_admin_key=ADMIN_KEY)).json()
    server = httpx.URL("https://example.org/gate/admin/openapi.json").join(found["servers"][0]["url"])
    assert str(server).rstrip("/") == "https://example.org/gate"
