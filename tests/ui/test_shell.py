"""What every page stands in: the keyboard, the skip link, events that wake a page, a tab that nobody looks at."""

import asyncio

from tests.standins.admin_api import AdminStandIn
from tests.ui.browser import Browser
from tests.ui.conftest import Served, needs_browser

pytestmark = needs_browser


def asked(gateway: AdminStandIn, path: str) -> int:
    """How often the control room asked for it."""
    return sum(seen.path == path for seen in gateway.seen)


async def silent(gateway: AdminStandIn, path: str) -> None:
    """Waits until nobody has asked for longer than a tab's clock, a tab of the test before included, which the room
    gives up after 20 s."""
    async with asyncio.timeout(45):
        while True:
            before = asked(gateway, path)
            await asyncio.sleep(7)
            if asked(gateway, path) == before:
                return


async def test_a_hidden_tab_asks_nothing_and_catches_up(owner: Browser, gateway: AdminStandIn) -> None:
    await owner.until("window.did_handshake")  # a page is there with its content before its socket is
    await owner.run("emitEvent('visibility', true)")
    await silent(gateway, "/admin/overview")
    gateway.streams = 41
    await owner.run("emitEvent('visibility', false)")
    await owner.until("[...document.querySelectorAll('.number')].some(e => e.innerText === '41')")


async def test_g_and_a_letter_lead_to_a_page_and_slash_to_its_search(owner: Browser) -> None:
    await owner.press("g")
    await owner.press("u")
    await owner.until("location.pathname === '/users'")
    await owner.see("alice")
    await owner.press("/")
    await owner.until("!!document.activeElement.closest('.search')")
    await owner.press("g")
    await owner.press("r")
    assert await owner.run("document.activeElement.value") == "gr"
    await owner.press("Escape")
    await owner.press("g")
    await owner.press("r")
    await owner.until("location.pathname === '/requests'")


async def test_a_question_mark_lists_the_shortcuts(owner: Browser) -> None:
    await owner.press("?")
    await owner.until("document.querySelector('dialog.help').open")
    await owner.see("Models & prices")
    await owner.press("Escape")
    await owner.until("!document.querySelector('dialog.help').open")


async def test_the_first_tab_skips_the_navigation(owner: Browser) -> None:
    await owner.run("document.activeElement.blur()")
    await owner.press("Tab")
    assert await owner.run("document.activeElement.innerText") == "Skip to the content"
    await owner.press("Enter")
    await owner.until("document.activeElement.id === 'room'")


async def test_the_navigation_has_its_groups_and_marks_where_we_are(owner: Browser) -> None:
    groups = await owner.run("[...document.querySelectorAll('.nav-group')].map(e => e.textContent)")
    assert groups[:2] == ["Business", "Machines"]
    assert await owner.run("document.querySelector('[aria-current=page]').innerText.includes('Overview')")


async def test_an_event_wakes_the_page_sooner_than_its_clock(
    shared_room: Served, owner: Browser, gateway: AdminStandIn
) -> None:
    await owner.open(f"{shared_room.url}/users")
    await owner.see("alice")
    gateway.users[0]["username"] = "alicia"
    for _ in range(100):  # the control room of these tests may still look for the gateway of the test before
        if gateway.listeners:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.2)
    gateway.tell("user")
    await owner.see("alicia", 5)
