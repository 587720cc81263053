"""Every page and dialog: by keyboard alone each thing is reached, seen to be, and named; on a phone nothing is cut."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.ui.browser import Browser
from tests.ui.conftest import needs_browser
from tests.ui.dialogs import OPEN, READY, dialogs, one_by_one
from tests.ui.keyboard import walk
from tests.ui.whole import Whole, whole
from ui.pages import PAGES

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]
PARTS = {"{user:path}": "ada", "{model:path}": "stand-in"}
PATHS = [re.sub(r"{\w+:path}", lambda part: PARTS[part[0]], page.path) for page in PAGES]
PLACES = {"users-one": "/users/ada", "models-model-path": "/models/stand-in"}
SHOWN_ONCE, BY_A_KEY = "key-once", "keyboard"
TITLE = "([...document.querySelectorAll('dialog[open], .q-dialog .dialog-title')].at(-1)?.innerText || '')"
LONG = "a.long.name.of-a-customer@lab.example"
ON_A_PHONE = (
    *("user-new-sure", "user-top-up", "user-adjust-wrong", "user-adjust-sure", "user-terms", "key-once", "key"),
    *("key-rotate", "key-change", "model-new", "model-change", "export", "backend", "endpoint", "change", "keyboard"),
)
CUT = """(() => {
  const dialog = document.querySelector(".q-dialog .q-card") || document.querySelector("dialog[open]");
  const seen = e => e.getBoundingClientRect().width > 0, faults = [];
  const inside = e => { const b = e.getBoundingClientRect(); return b.left >= 0 && b.right <= innerWidth + 0.5; };
  const named = f => f.getAttribute("aria-label") || [...(f.labels || [])].some(l => l.innerText.trim());
  if (!dialog) return ["no dialog"];
  if (dialog.scrollWidth > dialog.clientWidth + 1) faults.push(`${dialog.scrollWidth} wide in ${dialog.clientWidth}`);
  for (const label of dialog.querySelectorAll(".q-field__label"))
    if (label.scrollWidth > label.clientWidth + 1) faults.push(`cut: ${label.innerText}`);
  for (const part of dialog.querySelectorAll("button, input, textarea, dd, .sentence"))
    if (seen(part) && !inside(part)) faults.push(`beyond the edge: ${part.innerText || part.tagName}`);
  for (const field of dialog.querySelectorAll("input, textarea"))
    if (seen(field) && !named(field)) faults.push(`no name: ${field.outerHTML.slice(0, 80)}`);
  for (const button of dialog.querySelectorAll("button"))
    if (seen(button) && !(button.innerText.trim() || button.getAttribute("aria-label"))) faults.push("a mute button");
  const last = [...dialog.querySelectorAll("button")].filter(seen).at(-1);
  if (last) last.scrollIntoView({block: "nearest", behavior: "instant"});
  if (last && last.getBoundingClientRect().bottom > innerHeight + 0.5) faults.push(`out of reach: ${last.innerText}`);
  return faults;
})()"""

AT_ITS_END = """(async () => {
  while (!document.querySelector(".q-dialog .actions button")) await new Promise(requestAnimationFrame);
  window.strayed = [];
  [...document.querySelectorAll(".q-dialog .actions button")].at(-1).focus();
  const note = event => event.target.closest(".q-dialog") || strayed.push(event.target);
  document.addEventListener("focusin", note);
  document.addEventListener("keydown", ({key}) => key === "Tab" || document.removeEventListener("focusin", note));
})()"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    """A house with users, a key, requests that went well and wrong, one that runs, and a file that was changed."""
    async with whole(tmp_path_factory.mktemp("lived-in")) as house:
        await house.admin.add_user(LONG, "10.00")
        await house.admin.add_user("ada", "10.00")
        key = str((await house.admin.add_key("ada", name="the workstation in the cellar"))["key"])
        hello = {"model": "stand-in", "messages": [{"role": "user", "content": "one two"}]}
        for status in (200, 500):
            house.backend.script(status=status)
            await house.gateway.post("/v1/chat/completions", key, hello)
        house.backend.script(pieces=60, delay=5.0)
        asking = asyncio.create_task(house.gateway.post("/v1/chat/completions", key, hello | {"stream": True}))
        house.say("output: 2.00/1M", "output: 2.50/1M")
        try:
            yield house
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: Whole) -> AsyncIterator[Whole]:
    """Whatever a test does, nothing may go wrong in the browser."""
    yield shared
    await shared.nothing_went_wrong()


async def comes(owner: Browser, what: str) -> bool:
    """Whether it does, within what the slowest machine needs."""
    try:
        await owner.until(what, 10)
    except TimeoutError:
        return False
    return True


async def test_every_page_is_walked_by_tab(house: Whole) -> None:
    found = dict[str, list[str]]()
    for path in PATHS:
        await house.open(path)
        await house.browser.until(f"location.pathname === {path!r} && {READY}")
        await house.browser.until("document.readyState === 'complete'")
        found[path] = await walk(house.browser)
    wrong = [f"{path}: {fault}" for path, faults in found.items() for fault in faults]
    assert not wrong, "\n".join(wrong)
    assert len(found) == len(PAGES)


async def test_every_dialog_is_walked_by_tab_and_left_by_escape(house: Whole) -> None:
    owner, found = house.browser, dict[str, list[str]]()
    async for name in one_by_one(house, PLACES):
        found[name] = await walk(owner, dialog=True)
        title = await owner.run(TITLE)
        await owner.press("Escape")
        if name == SHOWN_ONCE:
            await asyncio.sleep(0.5)  # a dialog is gone after 0.3
            assert await owner.run(OPEN), "a new key went unseen"
        elif not await comes(owner, f"{TITLE} !== {json.dumps(title)}"):
            found[name].append("Escape does not close it")
        elif name != BY_A_KEY and not await comes(owner, "document.activeElement !== document.body"):
            found[name].append("the focus is lost when it closes")
    wrong = [f"{name}: {fault}" for name, faults in found.items() for fault in faults]
    assert not wrong, "\n".join(wrong)
    assert len(found) == len(dialogs(PLACES)) - 1


async def test_a_dialog_that_comes_in_already_holds_the_focus(house: Whole) -> None:
    """Tab from its last button, before it has come to rest; it gives the focus back to what opened it all the same."""
    owner = house.browser
    await house.open("/users/ada")
    await owner.until(f"location.pathname === '/users/ada' && {READY}")
    for opener in ("Top up", "Adjust"):
        await owner.click(opener)
        await owner.run(AT_ITS_END)
        for _ in range(3):
            await owner.press("Tab")
        assert await owner.run("strayed.map(e => e.outerHTML.slice(0, 160))") == [], opener
        await owner.settled()
        await owner.press("Escape")
        await owner.until(f"!{OPEN}")
        await owner.until(f"document.activeElement.closest('button')?.innerText === {opener!r}")


async def test_on_a_phone_no_dialog_is_cut_and_every_field_has_its_name(house: Whole) -> None:
    owner, found = house.browser, dict[str, list[str]]()
    await owner.size(390, 844, phone=True)
    async for name in one_by_one(house, {**PLACES, "users-one": f"/users/{LONG}"}, ON_A_PHONE):
        found[name] = await owner.run(CUT)
        await owner.press("Escape")
        if name != SHOWN_ONCE:
            await owner.until(f"!{OPEN}")
    await owner.size(1360, 900)
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert len(found) == len(ON_A_PHONE)
