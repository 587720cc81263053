"""A control room in its own process before a scripted admin API on a port of its own."""

import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.standins.admin_api import ADMIN_KEY, AdminStandIn
from tests.ui.browser import BINARY, Browser, Chromium

COOKIE = "aethergate_room"
ROOT = Path(__file__).parents[2]
needs_browser = pytest.mark.skipif(BINARY is None, reason="no Chromium here (apt-get install chromium)")
_addresses = (f"198.51.100.{number}" for number in itertools.count(1))


@dataclass(frozen=True)
class Served:
    """A running control room."""

    url: str
    api_port: int
    process: subprocess.Popen[bytes]
    storage: Path
    log: Path


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def serve(folder: Path, api_url: str = "") -> Iterator[Served]:
    """Starts the control room and stops it; its admin API is expected at `api_url` or on a free port, up or not."""
    port, log = free_port(), folder / "log"
    api_port = int(api_url.rpartition(":")[2]) if api_url else free_port()
    environ = {**os.environ, "NICEGUI_STORAGE_PATH": str(folder / "storage"), "SECRET_KEY": "s" * 40}
    environ.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI behaves otherwise under pytest
    command = [sys.executable, "-m", "tests.ui.serve", str(port), f"http://127.0.0.1:{api_port}"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(f"{url}/health", trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield Served(url, api_port, process, folder / "storage", log)
    finally:
        process.terminate()
        code, said = process.wait(15), log.read_text()
    assert code == 0
    assert "Traceback" not in said, said


@pytest.fixture(scope="module")
def shared_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One control room for a module's tests; each signs in from an address of its own."""
    yield from serve(tmp_path_factory.mktemp("room"))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Served]:
    """A control room of the test's own."""
    yield from serve(tmp_path)


@pytest.fixture
async def gateway(shared_room: Served) -> AsyncIterator[AdminStandIn]:
    """The scripted admin API that `shared_room` asks; fresh for each test."""
    async with AdminStandIn(shared_room.api_port) as standing:
        yield standing


@pytest.fixture
async def own_gateway(room: Served) -> AsyncIterator[AdminStandIn]:
    """The scripted admin API that `room` asks."""
    async with AdminStandIn(room.api_port) as standing:
        yield standing


async def enter(browser: Browser, url: str) -> None:
    """Signs in and waits for the overview."""
    await browser.open(f"{url}/sign-in")
    await browser.type("Admin key", ADMIN_KEY)
    await browser.press("Enter")
    await browser.see("Revenue")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as running:
        yield running


@pytest.fixture
async def viewer(chromium: Chromium) -> AsyncIterator[Browser]:
    """A browser; whatever it does, nothing may go wrong in its console or leave this host."""
    async with Browser(chromium.address) as browser:
        await browser.say("Network.setExtraHTTPHeaders", headers={"x-forwarded-for": next(_addresses)})
        yield browser
        assert await browser.run("window.hacked") is None
        assert len(browser.hosts) == 1
        assert browser.faults == []


@dataclass
class Ticket:
    """A sign-in that the tests of a module share: its cookie, and the tokens that the gateway has given for it."""

    cookie: str = ""
    tokens: dict[str, float] = field(default_factory=dict)

    async def renew(self, room: Served, gateway: AdminStandIn) -> None:
        """Signs in where nobody has yet, or a test has signed out."""
        gateway.tokens.update(self.tokens)
        headers = {"x-forwarded-for": next(_addresses)}
        async with httpx.AsyncClient(base_url=room.url, headers=headers, trust_env=False) as asking:
            asking.cookies.set(COOKIE, self.cookie)
            if (await asking.get("/download/requests/none")).status_code != 404:
                asking.cookies.clear()
                await asking.post("/sign-in?next=/keys", data={"key": ADMIN_KEY})
                self.cookie, self.tokens = asking.cookies[COOKIE], dict(gateway.tokens)
        gateway.seen.clear()


@pytest.fixture(scope="module")
def ticket() -> Ticket:
    return Ticket()


@pytest.fixture
async def owner(shared_room: Served, gateway: AdminStandIn, viewer: Browser, ticket: Ticket) -> Browser:
    """A browser that is signed in and sees the overview."""
    await ticket.renew(shared_room, gateway)
    await viewer.say("Network.setCookie", name=COOKIE, value=ticket.cookie, url=shared_room.url, httpOnly=True)
    await viewer.open(shared_room.url)
    await viewer.see("Revenue")
    return viewer
