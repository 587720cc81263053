"""The owner's way through a real gateway: sign in, make a user and a key, see a paid request, take the key back."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI, AuthenticationError, NotFoundError
from openai.types.chat import ChatCompletionMessageParam

from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY, Running, running
from tests.ui.browser import BINARY, Browser, Chromium
from tests.ui.conftest import ROOT, Served, serve

pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium here (apt-get install chromium)")

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello there"}]
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
async def backend() -> AsyncIterator[StandIn]:
    """A backend that does as it is told."""
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gateway(tmp_path: Path, backend: StandIn) -> AsyncIterator[Running]:
    """A real gateway before it."""
    async with running(tmp_path, manifest(), backend=backend.url) as found:
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


async def test_from_an_empty_gateway_to_a_paid_request_and_back(
    gateway: Running, room: Served, owner: Browser, backend: StandIn
) -> None:
    await owner.open(room.url)
    await owner.type("Admin key", ADMIN_KEY)
    await owner.press("Enter")
    await owner.see("No request in this period yet.")
    await owner.see("0 of 8 slots busy")
    secret = await create_user(owner)

    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=secret, max_retries=0) as sdk:
        await see_it_live(sdk, owner, backend)
        with pytest.raises(NotFoundError):
            await sdk.chat.completions.create(model="<b>none</b>", messages=HELLO)
        await gateway.settled()
        spent = 10 * 10**9 - (await gateway.user("carol <b>")).balance
        assert spent > 0

        await owner.click("Overview", "nav")
        await owner.see("of 1 user")
        await owner.see(f"${spent / 10**9:.9f}".rstrip("0"))
        await refund_it(owner)
        assert (await gateway.user("carol <b>")).balance == 10 * 10**9
        await look_at_the_ledger(owner)
        await look_around(owner)
        await take_the_key_back(owner)
        with pytest.raises(AuthenticationError):
            await sdk.chat.completions.create(model="stand-in", messages=HELLO)
    await gateway.settled()


async def see_it_live(sdk: AsyncOpenAI, owner: Browser, backend: StandIn) -> None:
    """A slow stream stands on the live page while it runs, and in the log once it ended."""
    backend.script(pieces=40, delay=0.25)
    await owner.click("Live", "nav")
    stream = await sdk.chat.completions.create(model="stand-in", messages=HELLO, stream=True)
    await owner.see("carol <b>")
    backend.hurry()
    said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert said.startswith("w0 w1 ")
    await owner.click("Requests", "nav")
    await owner.see("200")


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
    secret = str(await owner.run("document.querySelector('.secret textarea').value"))
    await owner.click("I have copied it")
    await owner.see("carol <b>")
    await owner.see("$10.00")
    return secret


async def refund_it(owner: Browser) -> None:
    """The paid request opens to its bill, and is given back as a whole."""
    await owner.click("Requests", "nav")
    await owner.click("200")
    await owner.see("× 1.00/1M")
    await owner.see("measured: the backend reported the tokens")
    await owner.click("Refund", ".q-dialog")
    await owner.type("Reason", "the answer was cut <i>")
    await owner.click("Continue")
    await owner.see("everything that is left of this request's charge")
    await owner.type("Type it here", "refund")
    await owner.until("!document.querySelector('.q-dialog .actions .bg-negative').disabled")
    await owner.run("document.querySelector('.q-dialog .actions .bg-negative').click()")
    await owner.see("Ledger entry")
    await owner.see("$10.00")
    await owner.click("Done")
    await owner.see("Refunded")
    assert not await owner.run("[...document.querySelectorAll('.q-dialog button')].some(e => e.innerText === 'Refund')")


async def look_at_the_ledger(owner: Browser) -> None:
    """The user's own page has every movement."""
    await owner.click("User", ".q-dialog")
    await owner.see("Weight in the queue")
    await owner.click("Ledger", "main")
    for words in ("top-up", "usage", "refund", "the answer was cut <i>"):
        await owner.see(words)


async def look_around(owner: Browser) -> None:
    """The other pages know of it."""
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
