"""The owner's way through a real gateway: sign in, make a user and a key, see a paid request, take the key back."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY, Running, running
from tests.ui.browser import BINARY, Browser, Chromium
from tests.ui.conftest import ROOT, Served, serve

pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium here (apt-get install chromium)")

HEAD = """
gateway: {{database: "{database}"}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 8, queue: {{length: 16, wait: 5s}}}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 64}}
"""


def manifest() -> str:
    """A backend of our own before every endpoint of the gateway.yaml that ships."""
    shipped = (ROOT / "gateway.yaml").read_text(encoding="utf-8")
    endpoints = shipped[shipped.index("\nendpoints:") :]
    return HEAD + endpoints.replace("{", "{{").replace("}", "}}")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Running]:
    """A real gateway before a scripted backend."""
    async with StandIn() as backend, running(tmp_path, manifest(), backend=backend.url) as found:
        yield found


@pytest.fixture
def room(tmp_path: Path, gateway: Running) -> Iterator[Served]:
    """The control room of that gateway."""
    yield from serve(tmp_path, gateway.url)


@pytest.fixture
async def owner(room: Served) -> AsyncIterator[Browser]:
    """A browser; its console must stay clean."""
    with Chromium() as chromium:
        async with Browser(chromium.address) as browser:
            yield browser
            assert browser.faults == []
            assert len(browser.hosts) == 1


async def test_from_an_empty_gateway_to_a_paid_request_and_back(gateway: Running, room: Served, owner: Browser) -> None:
    await owner.open(room.url)
    await owner.type("Admin key", ADMIN_KEY)
    await owner.press("Enter")
    await owner.see("No request in this period yet.")
    await owner.see("0 of 8 slots busy")
    secret = await create_user(owner)

    hello = {"model": "stand-in", "messages": [{"role": "user", "content": "hello there"}]}
    answer = await gateway.post("/v1/chat/completions", secret, hello)
    assert answer.status_code == 200
    streamed = await gateway.post("/v1/chat/completions", secret, {**hello, "stream": True})
    assert "[DONE]" in streamed.text
    refused = await gateway.post("/v1/chat/completions", secret, {**hello, "model": "<b>none</b>"})
    assert refused.status_code == 404
    await gateway.settled()
    spent = 10 * 10**9 - (await gateway.user("carol <b>")).balance
    assert spent > 0

    await owner.click("Overview", "nav")
    await owner.see("of 1 user")
    await owner.see(f"${spent / 10**9:.9f}".rstrip("0"))
    await look_at_requests(owner)
    await take_the_key_back(owner)
    again = await gateway.post("/v1/chat/completions", secret, hello)
    assert again.status_code == 401


async def create_user(owner: Browser) -> str:
    """Makes a user with $10 and the key of the next step; the key."""
    await owner.click("Users", "nav")
    await owner.click("New user")
    await owner.type("Name", "carol <b>")
    await owner.type("First balance", "10")
    await owner.click("Continue")
    await owner.click("Create")
    await owner.click("Create key")
    await owner.see("cannot be shown again")
    secret = str(await owner.run("document.querySelector('.secret input').value"))
    await owner.click("I have copied it")
    await owner.see("carol <b>")
    await owner.see("$10.00")
    return secret


async def look_at_requests(owner: Browser) -> None:
    """The log has the paid ones with their bill, and a top-up moves the balance."""
    await owner.click("Requests", "nav")
    await owner.see("stand-in")
    await owner.click("200")
    await owner.see("× 1.00/1M")
    await owner.see("measured: the backend reported the tokens")
    await owner.press("Escape")
    for page, words in (("Models & prices", "$2.00 / 1M"), ("Backends", "0 of 8 slots busy")):
        await owner.click(page, "nav")
        await owner.see(words)
    await owner.click("Look again now")
    await owner.see("Every backend was asked.")


async def take_the_key_back(owner: Browser) -> None:
    """Revokes the only key."""
    await owner.click("Keys", "nav")
    await owner.click("default")
    await owner.click("Revoke")
    await owner.click("Revoke", ".q-dialog .actions")
    await owner.see("The key is revoked.")


async def test_the_real_gateway_refuses_a_wrong_key_in_our_words(
    gateway: Running, room: Served, owner: Browser
) -> None:
    await owner.open(room.url)
    await owner.type("Admin key", "not the key")
    await owner.press("Enter")
    await owner.see("That is not the admin key")
    assert all("401" in fault for fault in owner.faults)  # Chromium itself logs that the answer was a 401
    owner.faults.clear()
