"""How fast the control room opens on a million requests, and what it costs the callers: `make roomspeed`.

python -m tests.ui.speed [--data FOLDER] [--users 1000] [--requests 1000000] [--only pages,callers] [--tabs 10]

A page's figure is by the browser's own clock, from the start of the navigation until its content and its charts are
there and painted, with the browser's cache warm; the first opening stands beside it. Callers are timed in turns,
without and with open tabs, so that both see the same machine; the gateway has one core, all else the other.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from infra.client import AdminClient
from tests.ui.browser import BINARY, Browser, Chromium
from tests.ui.demo import ADMIN_KEY, MODELS, DemoHouse, demo_house
from tests.ui.screenshots import READY, sign_in, targets

BUSIEST = ("/", "/live", "/requests", "/backends")
ROUNDS, SECONDS = 3, 8.0
"""Turns of each kind, and how long one lasts."""
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


async def callers(house: DemoHouse, tabs: int) -> None:
    """The same requests in turns, without tabs and with them."""
    async with AdminClient(house.url, token=ADMIN_KEY) as admin:
        name = f"timed-{time.time_ns()}"
        await admin.add_user(name, "1000")
        key = str((await admin.add_key(name))["key"])
    took: dict[str, list[float]] = {"none": [], f"{tabs} tabs": []}
    async with httpx.AsyncClient(base_url=house.url, trust_env=False, timeout=30) as http:
        await _asked(http, key, 2.0)
        for turn in range(ROUNDS):
            alone = await _asked(http, key, SECONDS)
            async with _tabs(house, tabs):
                watched = await _asked(http, key, SECONDS)
            for kind, found in zip(took, (alone, watched), strict=True):
                took[kind] += found
                print(f"turn {turn + 1}, {kind:8} p50 {statistics.median(found):.2f} ms of {len(found)}", flush=True)
    first, second = (statistics.median(found) for found in took.values())
    print(f"p50 without {first:.2f} ms, with {tabs} tabs {second:.2f} ms: {100 * (second / first - 1):+.1f} %")


@contextlib.asynccontextmanager
async def _tabs(house: DemoHouse, tabs: int) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        chromium = stack.enter_context(Chromium())
        cookies: list[object] = []
        for place in range(tabs):  # a window each: a tab behind another would rightly ask nothing
            browser = await stack.enter_async_context(Browser(chromium.address))
            if cookies:
                await browser.say("Network.setCookies", cookies=cookies)
            else:
                await sign_in(browser, house)
                cookies = (await browser.say("Network.getCookies", urls=[house.room]))["cookies"]
            await browser.open(house.room + BUSIEST[place % len(BUSIEST)])
            await browser.until(f"{READY} && !document.hidden")
        await asyncio.sleep(2)
        yield


async def _asked(http: httpx.AsyncClient, key: str, seconds: float) -> list[float]:
    """Milliseconds of one embedding after another, twenty a second."""
    body, headers = {"model": MODELS[-1], "input": "one two three"}, {"authorization": f"Bearer {key}"}
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        answer = await http.post("/v1/embeddings", json=body, headers=headers)
        found.append(1000 * (time.perf_counter() - began))
        answer.raise_for_status()
        await asyncio.sleep(0.05)
    return found


async def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--only", default="pages,callers")
    parser.add_argument("--tabs", type=int, default=10)
    given = parser.parse_args()
    if BINARY is None:
        sys.exit("There is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="aethergate-speed-") as scratch:
        folder = given.data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if "pages" in given.only:  # a viewer's browser has a machine of its own: all cores are its to use
            async with demo_house(folder, given.users, given.requests, busy=False) as house:
                await pages(house)
        if "callers" in given.only:
            async with demo_house(folder, given.users, given.requests, busy=False, apart=True) as house:
                await callers(house, given.tabs)


if __name__ == "__main__":
    asyncio.run(main())
