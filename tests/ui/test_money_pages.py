"""The request log and a user's page in a real browser before a real gateway: filters, files, changes of money."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.ui.conftest import needs_browser
from tests.ui.whole import HOSTILE, Whole, whole

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]
DAY_ONE = "document.querySelectorAll('.listing .line').length"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    """Thirty requests of a user with a hostile name, five of them refused, and one of ada's."""
    async with whole(tmp_path_factory.mktemp("money")) as found:
        await found.admin.add_user(HOSTILE, "10.00")
        secret = str((await found.admin.add_key(HOSTILE, rate_limit="1000/m"))["key"])
        other = await found.gateway.key("ada")
        for place in range(30):
            body = {"model": "none" if place % 6 == 5 else "stand-in", "messages": [{"role": "user", "content": "one"}]}
            await found.gateway.post("/v1/chat/completions", secret, body)
        await found.gateway.post("/v1/chat/completions", other, {**body, "model": "stand-in"})
        await found.gateway.settled()
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: Whole) -> AsyncIterator[Whole]:
    """Whatever a test does, nothing may go wrong in the browser."""
    yield shared
    await shared.nothing_went_wrong()


async def downloaded(house: Whole, folder: Path) -> Path:
    """The file that the browser stores next, once it is whole."""
    for _ in range(200):
        if found := [path for path in folder.iterdir() if path.suffix != ".crdownload"]:
            return found[0]
        await asyncio.sleep(0.1)
    raise TimeoutError(await house.browser.text())


async def stores_in(house: Whole, folder: Path) -> None:
    """Where downloads go."""
    context = await house.browser.say("Target.getTargetInfo")
    await house.browser.say(
        "Browser.setDownloadBehavior",
        behavior="allow",
        downloadPath=str(folder),
        browserContextId=context["targetInfo"]["browserContextId"],
    )


async def test_filters_stand_in_the_address_and_come_back_with_it(house: Whole) -> None:
    await house.open("/requests?status=4xx")
    await house.browser.until(f"{DAY_ONE} === 5")
    await house.browser.type("User or request id", "ada")
    await house.browser.see("No request matches.")
    await house.browser.until("location.search === '?status=4xx&user=ada'")
    await house.browser.click("Clear filters")
    await house.browser.until(f"{DAY_ONE} === 31")
    assert await house.browser.run("location.search") == ""
    await house.open("/requests?user=ada&model=stand-in&endpoint=chat_completions&state=SETTLED&since=3600")
    await house.browser.until(f"{DAY_ONE} === 1")


async def test_a_request_is_found_by_the_id_that_its_caller_has(house: Whole) -> None:
    [_, known] = (await house.admin.requests(limit=2))["data"]
    await house.open("/requests")
    await house.browser.until(f"{DAY_ONE} === 31")
    await house.browser.type("User or request id", known["id"])
    await house.browser.until(f"{DAY_ONE} === 1")
    await house.browser.type("User or request id", "req_" + "0" * 20)
    await house.browser.see("No request matches.")


async def test_a_filter_by_somebody_who_is_not_there_finds_nothing_and_says_so(house: Whole) -> None:
    for filters, words in (("user=ad", "There is no user named ad;"), ("key=zzz", "There is no key with the id zzz.")):
        await house.open(f"/requests?{filters}")
        await house.browser.see(words)
        assert "could not be loaded" not in await house.browser.text()
        assert not await house.browser.run("document.querySelector('main.room').classList.contains('stale')")
    await house.open("/users?q=nobody-at-all")
    await house.browser.see("No user's name has nobody-at-all in it.")
    await house.open("/requests?error=nothing-like-it")
    await house.browser.click("Clear filters")  # also of those that stand under More filters
    await house.browser.until(f"{DAY_ONE} > 0")


async def test_a_time_of_the_viewers_zone_filters(house: Whole) -> None:
    await house.open("/requests?since=own&from=2020-01-01T00:00&to=2020-01-02T00:00")
    await house.browser.see("No request matches.")
    await house.open("/requests?since=own&from=2020-01-01T00:00")
    await house.browser.until(f"{DAY_ONE} === 31")


async def test_a_link_to_one_request_opens_it(house: Whole) -> None:
    [newest] = (await house.admin.requests(limit=1, user="ada"))["data"]
    await house.open(f"/requests?id={newest['id']}")
    await house.browser.see(newest["id"])
    await house.browser.see("× 1.00/1M")
    await house.browser.press("Escape")


async def test_an_export_is_counted_and_stored_as_filtered(house: Whole, tmp_path: Path) -> None:
    await stores_in(house, tmp_path)
    await house.open("/requests?status=2xx")
    await house.browser.until(f"{DAY_ONE} === 26")
    await house.browser.click("Export", "main")
    await house.browser.see("the filters let through")
    await house.browser.click("Export", ".q-dialog .actions")
    await house.browser.see("Done: 26 rows.")
    await house.browser.click("Close", ".q-dialog .actions")
    lines = (await downloaded(house, tmp_path)).read_text().splitlines()
    assert len(lines) == 27
    assert "model" in lines[0]


async def test_a_user_has_statements_to_print_and_to_store(house: Whole, tmp_path: Path) -> None:
    await stores_in(house, tmp_path)
    user = await house.admin.user(HOSTILE)
    await house.open(f"/users/{user['id']}?tab=statements")
    await house.browser.click("CSV")
    assert "usage" in (await downloaded(house, tmp_path)).read_text()
    page = await house.browser.run(
        "fetch(document.querySelector('.month a').href)"
        ".then(async r => [r.status, r.headers.get('content-security-policy'), await r.text()])"
    )
    assert page[0] == 200
    assert "script-src" not in page[1]
    assert "default-src 'none'" in page[1]
    assert HOSTILE not in page[2]
    assert "&lt;img src=x" in page[2]


async def test_files_are_only_for_who_is_signed_in(house: Whole) -> None:
    async with httpx.AsyncClient(base_url=house.room.url, trust_env=False) as stranger:
        for path in ("/download/requests/x", "/download/statement/ada/2026-11/csv"):
            assert (await stranger.get(path)).status_code == 303
    assert await house.browser.run("fetch('/download/requests/unknown').then(r => r.status)") == 404
    assert await house.browser.run("fetch('/download/statement/ada/2026/csv').then(r => r.status)") == 404
    house.browser.faults.clear()  # Chromium itself logs each 404


async def test_an_adjustment_needs_a_reason_and_the_name(house: Whole) -> None:
    await house.admin.add_user("bob", "5.00")
    await house.open("/users/bob")
    await house.browser.click("Adjust", "main")
    await house.browser.type("Amount", "-5.01")
    await house.browser.click("Continue")
    await house.browser.see("At most 5.00 can be taken away")
    await house.browser.type("Amount", "-1.25")
    await house.browser.click("Continue")
    await house.browser.see("Say why.")
    await house.browser.type("Reason", "billed twice")
    await house.browser.click("Continue")
    await house.browser.see("$1.25 is taken from bob's balance: $5.00 becomes $3.75.")
    assert (await house.gateway.user("bob")).balance == 5 * 10**9
    await house.browser.type("Type it here", "bob")
    await house.browser.until("!document.querySelector('.q-dialog .actions .bg-negative').disabled")
    await house.browser.click("Adjust", ".q-dialog .actions")
    await house.browser.see("$1.25 taken from the balance.")
    await house.browser.see("$3.75")
    assert (await house.gateway.user("bob")).balance == 3_750_000_000
    await house.browser.click("Ledger", "main")
    await house.browser.see("billed twice")


async def test_limits_that_are_none_are_told_and_nothing_typed_is_lost(house: Whole) -> None:
    await house.admin.add_user("eve", "1.00")
    await house.open("/users/eve")
    await house.browser.click("Weight and limits", "main")
    await house.browser.type("Weight", "3")
    await house.browser.type("Requests, as", "sixty")
    await house.browser.click("Save")
    await house.browser.see("limits:")
    await house.browser.type("Requests, as", "60/m")
    await house.browser.click("Save")
    await house.browser.see("requests 60/m")
    assert (await house.gateway.user("eve")).weight == 3


async def test_a_user_that_is_none_is_told(house: Whole) -> None:
    await house.open("/users/nobody")
    await house.browser.see("There is no user named nobody.")


async def test_a_part_is_refunded_and_the_rest_can_follow(house: Whole) -> None:
    [row] = (await house.admin.requests(limit=1, user=HOSTILE, state="SETTLED"))["data"]
    await house.open(f"/requests?id={row['id']}")
    await house.browser.click("Refund", ".q-dialog")
    await house.browser.type("Amount", "99")
    await house.browser.type("Reason", "slow")
    await house.browser.click("Continue")
    await house.browser.see("At most")
    await house.browser.type("Amount", "0.000001")
    await house.browser.click("Continue")
    await house.browser.see("gets $0.000001 back, a part of the")
    await house.browser.type("Type it here", "refund")
    await house.browser.until("!document.querySelector('.q-dialog .actions .bg-negative').disabled")
    await house.browser.run("document.querySelector('.q-dialog .actions .bg-negative').click()")
    await house.browser.see("Ledger entry")
    await house.browser.click("Done")
    await house.browser.see("-$0.000001")
    assert (await house.admin.request(row["id"]))["refunded_nano"] == 1_000
    assert await house.browser.run(
        "[...document.querySelectorAll('.q-dialog button')].some(e => e.innerText === 'Refund')"
    )
    await house.browser.press("Escape")
    await house.gateway.settled()
