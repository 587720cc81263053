"""Pictures of every page and dialog, dark and light, at desktop and phone width, on demo data: `make screenshots`.

python -m tests.ui.screenshots [--out screenshots] [--only users,dialogs] [--users 200] [--requests 20000]
                               [--ways dark-phone]   only in these ways
                               [--data FOLDER]       keeps the demo data there, for the next time
                               [--readme]            only the README's three, into docs/pictures
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from infra.client import AdminClient
from tests.ui.browser import BINARY, Browser, Chromium
from tests.ui.conftest import ROOT
from tests.ui.demo import ADMIN_KEY, DemoHouse, demo_house
from tests.ui.dialogs import READY, another_price, dialogs, step
from ui.pages import PAGES

SIZES = {"desktop": (1360, 900, False), "phone": (390, 844, True)}
THEMES = ("light", "dark")
README = {"overview": 1180, "users-one": 826, "requests": 860}
"""Its pictures, and how tall they are."""


async def shoot_all(house: DemoHouse, out: Path, only: list[str], ways: list[str]) -> None:
    """Every page in every way, or in those like dark-phone; says what each opening took."""
    out.mkdir(parents=True, exist_ok=True)
    found = {**await targets(house), "sign-in": "/sign-in"}
    with Chromium() as chromium:
        for size, (width, height, phone) in SIZES.items():
            for theme in (theme for theme in THEMES if not ways or f"{theme}-{size}" in ways):
                async with Browser(chromium.address, width, height) as browser:
                    await browser.size(width, height, phone)
                    await browser.say("Network.setCookie", name="theme", value=theme, url=house.room)
                    for name, path in _in_order(found, only):
                        if name != "sign-in":
                            await sign_in(browser, house)
                        await _shoot(browser, house.room + path, out / f"{name}-{theme}-{size}.png")
                    if not only or any(name.startswith("dialog") for name in only):
                        await _shoot_dialogs(browser, house, out, only, f"{theme}-{size}")
                    for fault in browser.faults:
                        print(f"{theme} {size}: {fault}", file=sys.stderr)


async def _shoot_dialogs(browser: Browser, house: DemoHouse, out: Path, only: list[str], way: str) -> None:
    """Every dialog as it stands before the page that opened it; `dialogs` takes all, `dialog-refund` one."""
    await sign_in(browser, house)
    async with another_price(house):
        for name, (path, steps) in dialogs(await targets(house)).items():
            if only and not {"dialogs", f"dialog-{name}"} & set(only):
                continue
            await browser.open("about:blank")
            await browser.open(house.room + path)
            await browser.until(READY)
            try:
                for verb, *words in steps:
                    await step(browser, verb, *words)
            except TimeoutError as never:
                print(f"dialog-{name}-{way}: {str(never).splitlines()[0]}", file=sys.stderr)
            await asyncio.sleep(0.6)  # it slides in
            await browser.shoot(out / f"dialog-{name}-{way}.png", tallest=0)


async def shoot_readme(house: DemoHouse, out: Path) -> None:
    """The README's pictures, at its width."""
    found = await targets(house)
    with Chromium() as chromium:
        async with Browser(chromium.address, 1280, 800) as browser:
            await browser.say("Network.setCookie", name="theme", value="light", url=house.room)
            await sign_in(browser, house)
            for name, tallest in README.items():
                await _shoot(browser, house.room + found[name], out / f"{name.split('-')[0]}.png", tallest)


def _in_order(targets: dict[str, str], only: list[str]) -> list[tuple[str, str]]:
    wanted = [found for found in targets.items() if not only or found[0] in only]
    return sorted(wanted, key=lambda found: found[0] != "sign-in")  # while nobody is signed in


async def targets(house: DemoHouse) -> dict[str, str]:
    """A name for the file and a path for each page; a page of one user is that of a user who asks a lot."""
    async with AdminClient(house.url, token=ADMIN_KEY) as admin:
        most = (await admin.overview(30))["by_user"][0]["username"]
        user = str((await admin.user(most))["id"])
        model = quote(str((await admin.models())["data"][0]["id"]), safe="")
    parts = {"{user:path}": user, "{model:path}": model}
    return {_name(page.path): re.sub(r"{\w+:path}", lambda part: parts[part[0]], page.path) for page in PAGES}


def _name(path: str) -> str:
    return re.sub(r"[^a-z]+", "-", path.replace("{user:path}", "one")).strip("-") or "overview"


async def sign_in(browser: Browser, house: DemoHouse) -> None:
    """Signs in where nobody is yet."""
    if await browser.run("!!document.querySelector('main.room')"):
        return
    await browser.open(f"{house.room}/sign-in?next=/config")
    await browser.type("Admin key", ADMIN_KEY)
    await browser.press("Enter")
    await browser.until("!!document.querySelector('main.room')")


async def _shoot(browser: Browser, url: str, path: Path, tallest: int = 2_400) -> None:
    began = time.monotonic()
    await browser.open(url)
    await browser.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")
    if not url.endswith("/sign-in"):
        await browser.until(READY)
        took = time.monotonic() - began
        await asyncio.sleep(1.2)  # charts draw themselves
        print(f"{path.name:40} {took * 1000:6.0f} ms", flush=True)
    await browser.shoot(path, tallest)


async def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=ROOT / "screenshots")
    parser.add_argument("--only", default="")
    parser.add_argument("--ways", default="")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--readme", action="store_true")
    given = parser.parse_args()
    if BINARY is None:
        sys.exit("There is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="aethergate-demo-") as scratch:
        folder = given.data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        out = ROOT / "docs" / "pictures" if given.readme else given.out
        async with demo_house(folder, given.users, given.requests) as house:
            if given.readme:
                await shoot_readme(house, out)
            else:
                only, ways = ([name for name in said.split(",") if name] for said in (given.only, given.ways))
                await shoot_all(house, out, only, ways)
    print(f"The pictures are in {out}.")


if __name__ == "__main__":
    asyncio.run(main())
