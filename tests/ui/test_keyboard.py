"""By keyboard alone: on every page and in every dialog each thing is reached, is seen to be, and has a name."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

from tests.ui.conftest import needs_browser
from tests.ui.dialogs import dialogs, step
from tests.ui.keyboard import walk
from tests.ui.screenshots import READY
from tests.ui.whole import Whole, whole
from ui.pages import PAGES

pytestmark = needs_browser
PARTS = {"{user:path}": "ada", "{model:path}": "stand-in"}
PATHS = [re.sub(r"{\w+:path}", lambda part: PARTS[part[0]], page.path) for page in PAGES]
SHOWN_ONCE, BY_A_KEY = "key-once", "keyboard"
TITLE = "([...document.querySelectorAll('dialog[open], .q-dialog .dialog-title')].at(-1)?.innerText || '')"
OPEN = "!!document.querySelector('.q-dialog .q-card, dialog[open]')"


@contextlib.asynccontextmanager
async def lived_in(folder: Path) -> AsyncIterator[Whole]:
    """A house with a user, a key, requests that went well and wrong, one that runs, and a file that was changed."""
    async with whole(folder) as house:
        await house.admin.add_user("ada", "10.00")
        key = str((await house.admin.add_key("ada", name="laptop"))["key"])
        hello = {"model": "stand-in", "messages": [{"role": "user", "content": "one two"}]}
        for status in (200, 500):
            house.backend.script(status=status)
            await house.gateway.post("/v1/chat/completions", key, hello)
        house.backend.script(pieces=60, delay=3.0)
        asking = asyncio.create_task(house.gateway.post("/v1/chat/completions", key, hello | {"stream": True}))
        house.say("output: 2.00/1M", "output: 2.50/1M")
        try:
            yield house
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await house.nothing_went_wrong()


async def test_every_page_is_walked_by_tab(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as house:
        found = dict[str, list[str]]()
        for path in PATHS:
            await house.open(path)
            await house.browser.until(f"location.pathname === {path!r} && {READY}")
            await house.browser.until("document.readyState === 'complete'")
            found[path] = await walk(house.browser)
        wrong = [f"{path}: {fault}" for path, faults in found.items() for fault in faults]
        assert not wrong, "\n".join(wrong)
        assert len(found) == len(PAGES)


async def test_every_dialog_is_walked_by_tab_and_left_by_escape(tmp_path: Path) -> None:
    async with lived_in(tmp_path) as house:
        owner, found = house.browser, dict[str, list[str]]()
        for name, (path, steps) in dialogs(
            {"users-one": "/users/ada", "models-model-path": "/models/stand-in"}
        ).items():
            await house.open(path)
            await owner.until(f"location.pathname === {path.partition('?')[0]!r} && {READY}")
            for verb, *words in steps:
                await step(owner, verb, *words)
            if name == "price-what-if":
                continue  # which stands on the page itself
            await owner.until(OPEN)
            await owner.until("!document.querySelector('.q-transition--scale-enter-active')")
            await owner.until("!!document.activeElement.closest('.q-dialog, dialog[open]')")
            found[name] = await walk(owner, dialog=True)
            title = await owner.run(TITLE)
            await owner.press("Escape")
            with contextlib.suppress(TimeoutError):  # a refund gives way to the request that it is of
                await owner.until(f"{TITLE} !== {json.dumps(title)} && document.activeElement !== document.body", 3)
            if name == SHOWN_ONCE:
                assert await owner.run(OPEN), "a new key went unseen"
            elif await owner.run(TITLE) == title:
                found[name].append("Escape does not close it")
            elif name != BY_A_KEY and await owner.run("document.activeElement === document.body"):
                found[name].append("the focus is lost when it closes")
        wrong = [f"{name}: {fault}" for name, faults in found.items() for fault in faults]
        assert not wrong, "\n".join(wrong)
