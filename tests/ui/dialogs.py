"""The dialogs, opened one after another for their pictures: what a viewer clicks and types until each is there.

Nothing is confirmed but a new key, whose dialog shows it once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

from tests.ui.browser import Browser
from tests.ui.demo import DemoHouse
from tests.ui.whole import Whole

Step = tuple[str, ...]
"""(verb of Browser, its words …)."""
FOOT = ".q-dialog .actions"
OPEN = "!!document.querySelector('.q-dialog .q-card, dialog[open]')"
ON_THE_PAGE = ("price-what-if",)
"""No dialog."""
FOLLOWED = ("refund", "refund-sure", "key-once")
"""Which give way to the request that they are of, or stay until a button says that the key was copied."""
READY = """(() => {
  const room = document.querySelector("main.room");
  return room && !/Loading/.test(room.innerText) && !room.classList.contains("stale");
})()"""
"""A page's content is there, and is of now."""


def dialogs(targets: dict[str, str]) -> dict[str, tuple[str, list[Step]]]:
    """By name: the page, and the steps until the picture."""
    user, model = targets["users-one"], targets["models-model-path"]
    money = [("type", "Amount", "12.50"), ("type", "Reason", "paid in cash")]
    return {
        "user-new": ("/users", [("click", "New user")]),
        "user-new-sure": (
            "/users",
            [("click", "New user"), ("type", "Name", "a.long.name.of-a-customer@university.example"),
             ("type", "First balance", "25"), ("click", "Continue", FOOT), ("see", "begins with")],
        ),
        "user-top-up": (user, [("click", "Top up")]),
        "user-top-up-sure": (user, [("click", "Top up"), *money, ("click", "Continue", FOOT), ("see", "is added")]),
        "user-adjust-wrong": (user, [("click", "Adjust"), ("click", "Continue", FOOT), ("see", "Say why")]),
        "user-adjust-sure": (
            user,
            [("click", "Adjust"), ("type", "Amount", "-0.01"), ("type", "Reason", "charged twice"),
             ("click", "Continue", FOOT), ("see", "Type it here")],
        ),
        "user-terms": (user, [("click", "Weight and limits")]),
        "user-disable": (user, [("click", "Disable")]),
        "key-new": (user, [("click", "New key")]),
        "key-once": (user, [("click", "New key"), ("click", "Create key"), ("see", "cannot be shown again")]),
        "key-refused": (
            "/keys",
            [("click", "New key"), ("type", "User", "nobody"), ("click", "Create key"), ("see", "user named nobody")],
        ),
        "key": ("/keys", [("first",)]),
        "key-rotate": ("/keys", [("first",), ("click", "Rotate", FOOT), ("see", "The old key")]),
        "key-revoke": ("/keys", [("first",), ("click", "Revoke", FOOT), ("see", "cannot be undone")]),
        "key-change": ("/keys", [("first",), ("click", "Change", FOOT), ("see", "Save")]),
        "model-new": ("/models", [("click", "Add a model")]),
        "model-change": (model, [("click", "Change")]),
        "price-what-if": (model, [("type", "Output", "2.35"), ("see", "would have brought")]),
        "price-sure": (
            model,
            [("type", "Output", "2.35"), ("see", "would have brought"), ("click", "Set this price…"),
             ("see", "New requests pay it")],
        ),
        "request": ("/requests?status=2xx", [("first",), ("see", "Charged")]),
        "request-failed": ("/requests?status=5xx", [("first",), ("see", "Error")]),
        "refund": ("/requests?status=2xx", [("first",), ("click", "Refund", FOOT), ("see", "can be given back")]),
        "refund-sure": (
            "/requests?status=2xx",
            [("first",), ("click", "Refund", FOOT), ("type", "Reason", "cut off"), ("click", "Continue", FOOT),
             ("see", "To go on, type")],
        ),
        "export": ("/requests", [("click", "Export")]),
        "config-apply": ("/config", [("click", "Apply…"), ("see", "No request is dropped")]),
        "live": ("/live", [("first",), ("see", "Kind")]),
        "live-stop": ("/live", [("first",), ("click", "Stop…", FOOT), ("see", "Stop it")]),
        "backend": ("/backends", [("first",), ("see", "What happened to it")]),
        "backend-drain": ("/backends", [("first",), ("click", "Drain…", FOOT), ("see", "gets no new requests")]),
        "endpoint": ("/endpoints", [("first",), ("see", "Reload…")]),
        "change": ("/audit", [("first",), ("see", "From")]),
        "keyboard": ("/users", [("press", "?")]),
    }  # fmt: skip


async def one_by_one(house: Whole, places: dict[str, str], only: Collection[str] = ()) -> AsyncIterator[str]:
    """The names of all dialogs, or of `only` some, each while it is open and still; a page is opened anew where needed.

    Whoever asks for the next one has closed it.
    """
    owner, there = house.browser, ""
    for name, (path, steps) in dialogs(places).items():
        if name in ON_THE_PAGE or (only and name not in only):
            continue
        if path != there:
            await house.open(path)
            await owner.until(f"location.pathname === {path.partition('?')[0]!r} && {READY}")
        for verb, *words in steps:
            await step(owner, verb, *words)
        await owner.until(OPEN)
        await owner.settled()
        await owner.until("!!document.activeElement.closest('.q-dialog, dialog[open]')")
        yield name
        there = path if name not in FOLLOWED else ""
        if there:
            await owner.until(f"!{OPEN}")


async def step(browser: Browser, verb: str, *words: str) -> None:
    """One click, one word, one look; `first` opens a list's first row."""
    if verb == "first":
        row = ".listing .line, .listing .tile"
        await browser.until(f"!!document.querySelector({row!r})")
        await browser.run(f"(row => (row.focus(), row.click()))(document.querySelector({row!r}))")
        await browser.until("!!document.querySelector('.q-dialog .dialog')")
        return
    doing: Any = getattr(browser, verb)
    await doing(*words)


@contextlib.asynccontextmanager
async def another_price(house: DemoHouse) -> AsyncIterator[None]:
    """The file on the disk differs from what is in force, so that there is something to apply."""
    file: Path = house.file
    before = await asyncio.to_thread(file.read_text, encoding="utf-8")
    await asyncio.to_thread(file.write_text, before.replace("output: 1.10/1M", "output: 1.25/1M"), encoding="utf-8")
    try:
        yield
    finally:
        await asyncio.to_thread(file.write_text, before, encoding="utf-8")
