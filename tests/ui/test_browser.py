"""The control room in a real browser: what the owner sees, that names stay text, that nothing leaves this host."""

from tests.standins.admin_api import ADMIN_KEY, HOSTILE, AdminStandIn
from tests.ui.browser import DRAWN, Browser
from tests.ui.conftest import Served, enter, needs_browser
from tests.ui.proxy import Proxy

pytestmark = needs_browser


async def test_a_wrong_key_is_refused_in_words(shared_room: Served, gateway: AdminStandIn, viewer: Browser) -> None:
    await viewer.open(f"{shared_room.url}/users")
    await viewer.type("Admin key", "wrong")
    await viewer.press("Enter")
    await viewer.see("That is not the admin key")
    assert all("401" in fault for fault in viewer.faults)  # Chromium itself logs that the answer was a 401
    viewer.faults.clear()


async def test_the_overview_shows_every_figure(owner: Browser) -> None:
    for words in (
        "182 ms",
        "48 tok/s",
        "Look here: lab is down",
        "$1.23",
        "$8.64",
        "$37.04",
        "2,940",
        "0.7 %",
        "9.04 M",
        "3 of 8 slots busy",
        "alice",
        "qwen2.5:3b",
    ):
        await owner.see(words)
    await owner.see("+25 % against the 7 days before")
    assert await owner.run("document.querySelectorAll('.light.lit').length") == 3
    assert await owner.until(f"{DRAWN} === 4")
    await owner.click("30 days", ".period")
    await owner.see("12,600")


async def test_a_name_in_a_chart_stays_text_where_the_pointer_is(owner: Browser) -> None:
    await owner.until(f"{DRAWN} === 4")
    spot = await owner.run("""(() => {
      const chart = document.querySelector(".chart");
      chart.scrollIntoView({block: "center", behavior: "instant"});
      const box = chart.getBoundingClientRect();
      return {x: box.left + box.width / 2, y: box.top + box.height / 2};
    })()""")
    await owner.say("Input.dispatchMouseEvent", type="mouseMoved", x=spot["x"], y=spot["y"])
    await owner.until("[...document.querySelectorAll('.chart-tip')].some(e => e.innerText.includes('<img src=x'))")
    assert await owner.run("document.querySelectorAll('.chart img, .chart-tip img').length") == 0


async def test_the_overview_follows_the_gateway_without_redrawing(owner: Browser, gateway: AdminStandIn) -> None:
    await owner.until(f"{DRAWN} === 4")
    await owner.run("document.querySelectorAll('.figure, .backend, .chart canvas').forEach(e => e.kept = true)")
    gateway.streams = 7
    gateway.backends[0]["busy"] = 8
    gateway.backends[1].update(up=True, why=None)
    await owner.see("8 of 8 slots busy")
    await owner.gone("connection refused")
    await owner.until("[...document.querySelectorAll('.number')].some(e => e.innerText === '7')")
    assert await owner.run("[...document.querySelectorAll('.figure, .backend, .chart canvas')].every(e => e.kept)")


async def test_a_gateway_that_goes_away_is_told_and_comes_back(
    shared_room: Served, gateway: AdminStandIn, owner: Browser
) -> None:
    await gateway.__aexit__()
    await owner.see(f"The gateway is not reachable at {gateway.url}")
    await owner.see("$8.64")
    await gateway.__aenter__()
    await owner.gone("not reachable")


async def test_a_new_gateway_has_words_instead_of_empty_charts(
    room: Served, own_gateway: AdminStandIn, viewer: Browser
) -> None:
    own_gateway.revenue_nano = 0
    for rows in (own_gateway.backends, own_gateway.users, own_gateway.requests, own_gateway.models):
        rows.clear()
    await enter(viewer, room.url)
    await viewer.see("No request in this period yet.")
    await viewer.see("No backend is declared in gateway.yaml.")
    await viewer.see("nothing before to compare")
    for path, words in (("/users", "No user here yet"), ("/requests", "No request matches."), ("/models", "add-model")):
        await viewer.open(room.url + path)
        await viewer.see(words)


async def test_foreign_text_is_text_on_every_page(shared_room: Served, owner: Browser) -> None:
    await owner.see(HOSTILE)
    for path in ("/users", "/keys", "/models", "/backends", "/requests"):
        await owner.open(shared_room.url + path)
        await owner.see(HOSTILE)
        assert await owner.run("window.hacked") is None
    await owner.open(f"{shared_room.url}/users")
    await owner.click(HOSTILE)
    await owner.see("Weight in the queue")
    assert await owner.run("document.querySelector('.user-name').innerText") == HOSTILE
    await owner.open(f"{shared_room.url}/requests")
    await owner.click("502 backend_error")
    await owner.see(f"the backend broke off {HOSTILE}")


async def test_a_session_that_ends_leads_back_to_the_sign_in(owner: Browser, gateway: AdminStandIn) -> None:
    gateway.tokens.clear()
    await owner.see("You were signed out: the session is over.")
    await owner.type("Admin key", ADMIN_KEY)
    await owner.press("Enter")
    await owner.see("$8.64")


async def test_signing_out_leads_out(owner: Browser) -> None:
    await owner.click("Sign out")
    await owner.see("You are signed out.")


async def test_the_request_log_is_paged_by_the_server(
    shared_room: Served, owner: Browser, gateway: AdminStandIn
) -> None:
    await owner.open(f"{shared_room.url}/requests")
    await owner.see("1–50")
    await owner.click("Next")
    await owner.see("51–100")
    await owner.click("Back")
    await owner.see("1–50")
    asked = [seen.query for seen in gateway.seen if seen.path == "/admin/requests"]
    assert {"limit": "50", "cursor": "50"} in asked


async def test_a_request_opens_to_its_itemised_cost(shared_room: Served, owner: Browser) -> None:
    await owner.open(f"{shared_room.url}/requests")
    await owner.click("200")
    await owner.see("1,200 input × 1.00/1M")
    await owner.see("345 output × 2.00/1M")
    await owner.see("$0.00189")


async def test_dark_and_light_is_remembered(shared_room: Served, owner: Browser) -> None:
    await owner.click("Dark or light")
    await owner.until("document.body.classList.contains('body--dark')")
    await owner.open(f"{shared_room.url}/users")
    await owner.see("alice")
    assert await owner.run("document.body.classList.contains('body--dark')")
    assert await owner.run("getComputedStyle(document.body).backgroundColor") == "rgb(12, 14, 19)"


async def test_a_phone_needs_no_sideways_scrolling(shared_room: Served, owner: Browser) -> None:
    await owner.size(360, 740, phone=True)
    for path in ("/", "/users", "/keys", "/requests", "/models", "/backends"):
        await owner.open(shared_room.url + path)
        await owner.see(HOSTILE)
        assert await owner.run("document.documentElement.scrollWidth") <= 360, path
    await owner.click("Navigation")
    await owner.click("Models & prices")
    await owner.until("location.pathname === '/models'")


async def test_a_row_opens_by_keyboard(shared_room: Served, owner: Browser) -> None:
    await owner.open(f"{shared_room.url}/users")
    await owner.until("!!document.querySelector('.line')")
    await owner.run("document.querySelector('.line').focus()")
    await owner.press("Enter")
    await owner.see("Weight in the queue")


async def test_behind_a_proxy_on_a_sub_path_everything_stays_on_it(
    shared_room: Served, gateway: AdminStandIn, viewer: Browser
) -> None:
    async with Proxy(shared_room.url, "/console") as proxy:
        await viewer.open(f"{proxy.url}/users")
        await viewer.type("Admin key", ADMIN_KEY)
        await viewer.press("Enter")
        await viewer.see("$12.340000026")
        assert await viewer.run("location.pathname") == "/console/users"
        await viewer.click("Overview", "nav")
        await viewer.see("3 of 8 slots busy")
        assert await viewer.run("location.pathname") == "/console/"
        assert await viewer.run("getComputedStyle(document.querySelector('.mark')).backgroundImage.includes('console')")
        gateway.tokens.clear()
        await viewer.see("You were signed out")
        await viewer.type("Admin key", ADMIN_KEY)
        await viewer.press("Enter")
        await viewer.see("3 of 8 slots busy")
        await viewer.click("Sign out")
        await viewer.see("You are signed out.")
        assert await viewer.run("location.pathname") == "/console/sign-in"
