"""Several open tabs ask the gateway once for all."""

import asyncio
import time

from tests.standins.admin_api import AdminStandIn
from tests.ui.browser import Browser, Chromium
from tests.ui.conftest import Served, enter, needs_browser

pytestmark = needs_browser


async def test_tabs_share_what_they_ask_until_something_is_changed(
    shared_room: Served, gateway: AdminStandIn, chromium: Chromium, owner: Browser
) -> None:
    gateway.lists_take = 0.5
    async with Browser(chromium.address) as other:
        await other.say("Network.setExtraHTTPHeaders", headers={"x-forwarded-for": "198.51.100.250"})
        await enter(other, shared_room.url)
        for path, words, asked in (
            ("/requests?since=86400", "alice", "/admin/requests"),
            ("/backends", "connection refused", "/admin/backends"),
        ):
            if (
                "since" in path and time.time() % 10 > 4
            ):  # "the last day" begins at whole tens of seconds, the same for all tabs
                await asyncio.sleep(10 - time.time() % 10)
            for tab in (owner, other):
                await tab.open(shared_room.url + path)
                await tab.until(f"location.pathname === {asked.replace('/admin', '')!r}")
                await tab.see(words)
            assert sum(seen.path == asked for seen in gateway.seen) == 1, asked
        gateway.backends[0]["name"] = "another"
        await owner.click("Look again now")
        await owner.see("another", 3)
