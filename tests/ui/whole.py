"""A whole house for the tests of one module: backend, gateway, control room, and a browser that is signed in.

    async with whole(folder) as house:
        await house.open("/keys")
        await house.browser.see("No key here")

Everything is real but the backend, which does as it is told; `llama` puts a real llama.cpp server beside it.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from infra.client import AdminClient
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY, Running, running
from tests.ui.browser import Browser, Chromium
from tests.ui.conftest import ROOT, Served, serve

HEAD = """
gateway: {{database: "{database}", electricity: 0.30}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 2, watts: 350, queue: {{length: 16, wait: 30s}}}}
  box: {{adapter: llamacpp, url: "{llama}", slots: 4}}
models:
  stand-in:
    backend: one/stand-in
    price: {{input: 1.00/1M, output: 2.00/1M}}
    max_output: 64
    limits: {{requests: 5000/m, tokens: 200K/m, total: {{concurrent: 12}}}}
  "smollm2:135m": {{backend: "box/smollm2:135m", price: {{input: 0.10/1M, output: 0.40/1M}}, max_output: 256}}
"""
BROKEN = """
  - {{routes: [POST /v1/nowhere], function: functions.nowhere}}
"""
HOSTILE = '<img src=x onerror="window.hacked=1">{{1+1}}'
"""A user's name that must stay text."""


def manifest() -> str:
    """Two backends before every endpoint of the gateway.yaml that ships, and one that is broken."""
    shipped = (ROOT / "gateway.yaml").read_text(encoding="utf-8")
    endpoints = shipped[shipped.index("\nendpoints:") :].replace("{", "{{").replace("}", "}}")
    return HEAD + endpoints.rstrip() + "\n" + BROKEN


@dataclass
class Whole:
    """All of it, and the owner's own way in beside the browser."""

    backend: StandIn
    gateway: Running
    room: Served
    browser: Browser
    admin: AdminClient
    file: Path
    """gateway.yaml."""

    async def open(self, path: str) -> None:
        """Goes to a page, once the one before has all its parts: a download that is cut is a line in the log."""
        await self.browser.until("document.readyState === 'complete'")
        await self.browser.open(self.room.url + path)

    def say(self, old: str, new: str) -> None:
        """Changes the file on the disk."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    async def nothing_went_wrong(self) -> None:
        """The console is clean, no markup came alive, and no other host was asked."""
        assert await self.browser.run("window.hacked") is None
        assert self.browser.faults == []
        assert len(self.browser.hosts) == 1


@contextlib.asynccontextmanager
async def whole(folder: Path, llama: str = "http://127.0.0.1:9") -> AsyncIterator[Whole]:
    """Starts everything and signs in."""
    async with contextlib.AsyncExitStack() as stack:
        backend = await stack.enter_async_context(StandIn())
        started = running(folder, manifest(), backend=backend.url, llama=llama)
        gateway = await stack.enter_async_context(started)
        room = stack.enter_context(contextlib.contextmanager(serve)(folder, gateway.url))
        chromium = stack.enter_context(Chromium())
        browser = await stack.enter_async_context(Browser(chromium.address))
        admin = await stack.enter_async_context(AdminClient(gateway.url, token=ADMIN_KEY))
        await browser.open(f"{room.url}/sign-in")
        await browser.type("Admin key", ADMIN_KEY)
        await browser.press("Enter")
        await browser.see("Revenue by model")
        yield Whole(backend, gateway, room, browser, admin, folder / "gateway.yaml")
