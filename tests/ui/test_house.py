"""Keys, endpoints, configuration and audit in a real browser, before a real gateway."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from openai import AsyncOpenAI, AuthenticationError

from tests.ui.browser import BINARY
from tests.ui.whole import HOSTILE, Whole, whole

pytestmark = [
    pytest.mark.skipif(BINARY is None, reason="no Chromium here (apt-get install chromium)"),
    pytest.mark.asyncio(loop_scope="module"),
]
SECRET = "document.querySelector('.secret textarea')?.value"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with whole(tmp_path_factory.mktemp("house")) as found:
        await found.admin.add_user("alice", "10.00")
        await found.admin.add_user(HOSTILE, "10.00")
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: Whole) -> AsyncIterator[Whole]:
    """Whatever a test does, nothing may go wrong in the browser."""
    yield shared
    await shared.nothing_went_wrong()


async def say_hello(house: Whole, secret: str) -> str:
    async with AsyncOpenAI(base_url=f"{house.gateway.url}/v1", api_key=secret) as client:
        answer = await client.chat.completions.create(
            model="stand-in", messages=[{"role": "user", "content": "hello there"}]
        )
    return str(answer.choices[0].message.content)


async def test_a_key_is_shown_once_and_opens_the_gateway_to_the_sdk(house: Whole) -> None:
    owner = house.browser
    await house.open("/keys")
    await owner.click("New key")
    await owner.type("User", "nobody")
    await owner.type("Name of the key", "laptop")
    await owner.click("Create key")
    await owner.see("no user named nobody")  # in the dialog, with what was typed
    await owner.type("User", "alice")
    await owner.type("At once", "3")
    await owner.click("Create key")
    await owner.see("cannot be shown again")
    secret = str(await owner.run(SECRET))
    await owner.click("I have copied it")
    await owner.see("requests 60/m, concurrent 3")
    # The dialog is still there while it fades; then nothing of the key is left.
    await owner.until(f"!document.documentElement.outerHTML.includes({secret!r})")
    assert (await say_hello(house, secret)).startswith("w0 w1")
    [made] = (await house.admin.keys(q="laptop"))["data"]
    assert made["limits"] == {"requests": "60/m", "tokens": None, "concurrent": 3}


async def test_a_key_is_found_changed_rotated_and_revoked(house: Whole) -> None:
    owner, made = house.browser, await house.admin.add_key(HOSTILE, name="phone", models=["stand-in"])
    await house.open("/keys")
    await owner.type("Search by key, name or user", "PHO")
    await owner.gone("alice")
    await owner.see(HOSTILE)
    await owner.click("phone")
    await owner.click("Change")
    await owner.type("Tokens", "5K/m")
    await owner.click("Save")
    await owner.see("tokens 5,000/m")
    await owner.click("phone")
    await owner.click("Rotate")
    await owner.click("Rotate", ".q-dialog .actions")
    await owner.see("cannot be shown again")
    fresh = str(await owner.run(SECRET))
    await owner.click("I have copied it")
    assert await say_hello(house, fresh) == await say_hello(house, made["key"])  # the old one has an hour's grace
    await house.admin.revoke_key(made["id"])
    await owner.gone(made["key_prefix"], 30)  # the list is of those that work
    await owner.click("phone")
    await owner.click("Revoke")
    await owner.see("This cannot be undone.")
    await owner.click("Revoke", ".q-dialog .actions")
    await owner.see("The key is revoked.")
    with pytest.raises(AuthenticationError):
        await say_hello(house, fresh)


async def test_a_broken_function_is_told_with_its_error_and_every_guard_with_what_it_asks(house: Whole) -> None:
    owner = house.browser
    await house.open("/endpoints")
    await owner.see("chat_completions")
    await owner.click("broken")
    await owner.see("No module named 'functions.nowhere'")
    await owner.see("A valid API key: 401, 403.")
    await owner.click("Reload…")
    await owner.see("are read anew")
    await owner.click("Reload", ".q-dialog .actions")
    await owner.see("nowhere still cannot be loaded")
    await owner.click("chat_completions")
    await owner.see("60/m requests, 200K/m tokens, 8 at once, body 8 MB, 10m")


async def test_a_faulty_file_is_told_line_by_line_and_a_good_one_is_applied(house: Whole) -> None:
    owner, before = house.browser, house.file.read_text()
    await house.open("/config")
    await owner.see("It has no fault")
    house.say("output: 2.00/1M", "outputt: 2.00/1M")
    await owner.click("Read it again")
    await owner.see("1 fault")
    line = 1 + before[: before.index("output: 2.00/1M")].count("\n")
    await owner.see(f"line {line}")
    await owner.see("did you mean")
    house.say("outputt: 2.00/1M", "output: 3.00/1M")
    await owner.click("Read it again")
    await owner.see("output 2.00/1M → 3.00/1M (+50 %)")
    await owner.click("Apply…")
    await owner.see("No request is dropped")
    await owner.click("Apply", ".q-dialog .actions")
    await owner.see("The file is in force.")
    await owner.see("nothing in it differs")
    models = {row["id"]: row["price"]["output"] for row in (await house.admin.models())["data"]}
    assert models["stand-in"] == "3.00/1M"
    await owner.click("models", ".sections")
    await owner.see("output: 3.00/1M")


async def test_a_check_of_the_ledger_tells_how_far_it_is(house: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, store = house.browser, house.gateway.gateway.store
    real, go_on = store.read, asyncio.Event()

    async def slow(sql: str, *values: Any) -> list[dict[str, Any]]:
        if "OVER (PARTITION BY" in sql:
            await go_on.wait()
        return await real(sql, *values)

    monkeypatch.setattr(store, "read", slow)
    await house.open("/audit")
    await owner.click("Check the ledger")
    await owner.see("rows are read; now: balance_after is exact.")
    width = (
        "document.querySelector('[aria-label=\"How much of the ledger is checked\"]')?.getAttribute('aria-valuenow')"
    )
    assert 0 < float(await owner.until(width)) < 1
    go_on.set()
    await owner.see("The books are right")
    await owner.gone("rows are read")


async def test_the_books_are_proved_on_demand_and_changes_are_read_field_by_field(house: Whole) -> None:
    owner = house.browser
    await house.admin.change_user(HOSTILE, weight=7)
    await house.open("/audit")
    await owner.see("Not checked on this page yet.")
    await owner.click("Check the ledger")
    await owner.see("The books are right")
    await owner.see("All balances")
    await owner.see("weight: 1 → 7")
    await owner.see("session.open")
    await owner.click("Anything", ".choice")
    await owner.click("Users", ".q-menu")
    await owner.gone("session.open")
    assert await owner.run("location.search") == "?action=user"
    await owner.click("user.change")
    for words in ("Field", "Before", "After", HOSTILE):
        await owner.see(words)
    assert await owner.run("document.querySelector('.diff-cell.come').innerText") == "7"
    await house.admin.add_key("alice")
    await house.open("/audit?action=key")
    await owner.click("key.mint")
    moment = await owner.until("document.querySelector('.diff-cell.come time')?.innerText")
    assert ":" in moment, "a time of the viewer's, no number of seconds"
    heads = await owner.run("[...document.querySelectorAll('.diff-head')].map(head => head.innerText)")
    assert heads == ["Field", "After"], "nothing was before"
