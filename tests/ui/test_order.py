"""Lists in the viewer's order, and of what the viewer asked for."""

from tests.standins.admin_api import AdminStandIn
from tests.ui.browser import Browser
from tests.ui.conftest import Served, needs_browser

pytestmark = needs_browser


async def test_keys_that_work_come_first_and_the_others_when_asked_for(
    shared_room: Served, owner: Browser, gateway: AdminStandIn
) -> None:
    await owner.open(f"{shared_room.url}/keys")
    await owner.see("default")
    assert "old" not in (await owner.text()).split()
    await owner.open(f"{shared_room.url}/keys?state=revoked")
    await owner.see("old")
    await owner.gone("default")
    await owner.open(f"{shared_room.url}/keys?state=any")
    await owner.see("default")
    await owner.see("old")
    assert "state" not in gateway.seen[-1].query


async def test_a_click_on_a_columns_head_sorts_and_the_address_keeps_it(
    shared_room: Served, owner: Browser, gateway: AdminStandIn
) -> None:
    first = "document.querySelector('.listing .line').innerText"
    await owner.open(f"{shared_room.url}/users")
    await owner.see("alice")
    await owner.run("[...document.querySelectorAll('.sorter')].find(e => /Balance/.test(e.innerText)).click()")
    await owner.until("location.search === '?sort=-balance'")
    await owner.until(f"/alice/.test({first})")
    await owner.run("[...document.querySelectorAll('.sorter')].find(e => /Balance/.test(e.innerText)).click()")
    await owner.until("location.search === '?sort=balance'")
    await owner.until(f"/bob/.test({first})")
    await owner.open(f"{shared_room.url}/users?sort=balance")
    await owner.until("document.querySelector('th[aria-sort=ascending]').innerText.includes('Balance')")
    assert gateway.seen[-1].query.get("sort", "balance") == "balance"
