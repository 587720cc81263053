"""How fast the control room opens on a million requests, and what it costs the callers: `make roomspeed`.

python -m tests.ui.speed [--data FOLDER] [--users 1000] [--requests 1000000] [--only first,pages,callers] [--tabs 10]
                      [--rounds 6] [--database postgresql://…]      beside FOLDER, which remembers that it is filled

A page's figure is by the browser's own clock, from the start of the navigation until its content and its charts are
there and painted, with the browser's cache warm; the first opening stands beside it. For the callers see callers.py.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from tests.ui.browser import BINARY, Browser, Chromium
from tests.ui.callers import ROUNDS, callers
from tests.ui.demo import ADMIN_KEY, DemoHouse, demo_house
from tests.ui.screenshots import READY, sign_in, targets

LOG_PAGES, OPENINGS = 5, 3
WATCH = f"""(() => {{
  const drawn = () => [...document.querySelectorAll(".chart")].every(chart => chart.querySelector("canvas"));
  const painted = () => setTimeout(() => window.painted = performance.now());
  const look = () => {READY} && drawn() ? requestAnimationFrame(painted) : requestAnimationFrame(look);
  look();
}})()"""
"""Runs before a page's own scripts; sets `painted`, in milliseconds since the navigation began."""
SETTLE_SECONDS = 8.0
"""A gateway that has just begun sums up what came since it stopped."""
KEY_SECONDS = 2.0
"""So long a person takes to bring the key from elsewhere."""
PRESSED = "addEventListener('submit', () => sessionStorage.pressed = performance.timeOrigin + performance.now())"


def cold(folder: Path) -> None:
    """Nothing of a SQLite database under `folder` stays in the machine's memory, as after its start."""
    os.sync()
    for path in folder.glob("demo.db*"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def first(house: DemoHouse) -> None:
    """The very first page that both processes serve, in a browser that has never been here: from the sign-in's Enter
    until the overview is whole; then with the cookie in another such browser, which has nothing but it."""
    with Chromium() as chromium:
        async with Browser(chromium.address) as browser:
            await browser.say("Page.addScriptToEvaluateOnNewDocument", source=f"{PRESSED}; {WATCH}")
            await browser.open(f"{house.room}/sign-in")
            await browser.type("Admin key", ADMIN_KEY)
            await asyncio.sleep(KEY_SECONDS)
            await browser.press("Enter")
            await browser.until("location.pathname === '/' && window.painted")
            took = await browser.run("performance.timeOrigin + window.painted - sessionStorage.pressed")
            print(f"{'signed in':24} {took:6.0f} ms", flush=True)
            cookies = (await browser.say("Network.getCookies", urls=[house.room]))["cookies"]
    with Chromium() as chromium:
        async with Browser(chromium.address) as browser:
            await browser.say("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
            for cookie in cookies:
                await browser.say("Network.setCookie", name=cookie["name"], value=cookie["value"], url=house.room)
            await asyncio.sleep(KEY_SECONDS)  # it has just been started, too
            print(f"{'a new browser':24} {await _opened(browser, house.room + '/'):6.0f} ms", flush=True)


async def pages(house: DemoHouse) -> None:
    """Every page opened some times, and the request log turned over."""
    with Chromium() as chromium:
        async with Browser(chromium.address) as browser:
            await sign_in(browser, house)
            await browser.say("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
            await asyncio.sleep(SETTLE_SECONDS)
            for name, path in (await targets(house)).items():
                first, *took = [await _opened(browser, house.room + path) for _ in range(1 + OPENINGS)]
                print(f"{name:24} {statistics.median(took):6.0f} ms   (the first time {first:.0f} ms)", flush=True)
            await browser.open(f"{house.room}/requests")
            await browser.until(READY)
            for turn in range(LOG_PAGES):
                print(f"log, page {turn + 2:<14} {await _turned(browser):6.0f} ms", flush=True)


async def _opened(browser: Browser, url: str) -> float:
    await browser.open(url)
    return float(await browser.until(f"location.href.startsWith({json.dumps(url)}) && window.painted"))


async def _turned(browser: Browser) -> float:
    """Milliseconds from the click on Next to the next page's first line, by the browser's own clock."""
    await browser.run("""(() => {
      const first = () => document.querySelector(".listing .line").innerText, before = first();
      const began = performance.now();
      window.turned = 0;
      const look = () => first() !== before ? (window.turned = performance.now() - began) : requestAnimationFrame(look);
      [...document.querySelectorAll(".pager button")].at(-1).click();
      look();
    })()""")
    return float(await browser.until("window.turned"))


async def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--database", default="")
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--only", default="first,pages,callers")
    parser.add_argument("--tabs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    if BINARY is None:
        sys.exit("There is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="aethergate-speed-") as scratch:
        folder = given.data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if "first" in given.only:
            cold(folder)
            async with demo_house(folder, given.users, given.requests, False, database=given.database) as house:
                await first(house)
        if "pages" in given.only:  # a viewer's browser has a machine of its own: all cores are its to use
            async with demo_house(folder, given.users, given.requests, False, database=given.database) as house:
                await pages(house)
        if "callers" in given.only:
            async with demo_house(folder, given.users, given.requests, False, True, given.database) as house:
                await callers(house, given.tabs, given.rounds)


if __name__ == "__main__":
    asyncio.run(main())
