"""Scripts, styles and fonts: the same for everybody, kept for ever, and there before the first page is asked for."""

import asyncio
import re
from pathlib import Path

import httpx
import nicegui
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from tests.standins.admin_api import ADMIN_KEY, AdminStandIn
from tests.ui.browser import Browser
from tests.ui.conftest import Served, needs_browser
from ui.assets import Shelf, ours, overview_files

LOADED = """performance.getEntriesByType("resource").map(file => [new URL(file.name).pathname, file.transferSize])
  .filter(([path]) => path.startsWith("/static/") || path.startsWith("/_nicegui/"))"""


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_what_never_changes_is_the_same_for_everybody(
    shared_room: Served, gateway: AdminStandIn, encoding: str
) -> None:
    asked = {"accept-encoding": encoding, "x-forwarded-for": "198.18.7.1"}
    async with httpx.AsyncClient(base_url=shared_room.url, headers=asked, trust_env=False) as browser:
        stranger = {path: await browser.get(path) for path in overview_files()}
        await browser.post("/sign-in", data={"key": ADMIN_KEY})
        for path, found in stranger.items():
            again = await browser.get(path)
            assert (found.status_code, again.status_code) == (200, 200), path
            assert again.content == found.content
            assert "set-cookie" not in found.headers
            assert found.headers["vary"] == "Accept-Encoding"
            assert "immutable" in found.headers["cache-control"]
            assert "frame-ancestors 'none'" in found.headers["content-security-policy"]
            large = len(found.content) > 1_000 and not path.endswith(".woff2")  # which is compressed in itself
            assert not large or found.headers.get("content-encoding", "identity") == encoding, path


async def test_whoever_asks_for_the_rest_gets_the_whole(shared_room: Served) -> None:
    """A browser joins parts by their tag, which the compressed text would share with the plain one."""
    async with httpx.AsyncClient(base_url=shared_room.url, trust_env=False) as browser:
        part = await browser.get(ours("sign_in.css"), headers={"range": "bytes=10-", "if-none-match": "*"})
        whole = await browser.get(ours("sign_in.css"))
        assert (part.status_code, part.content) == (200, whole.content)
        assert (whole.headers["accept-ranges"], whole.headers.get("etag")) == ("none", None)
        assert (await browser.get("/static/nothing.js")).status_code == 404
        assert (await browser.get("/static/nothing.js")).status_code == 404


async def test_many_who_ask_for_a_file_at_once_have_it_read_once() -> None:
    read = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal read
        read += 1
        await asyncio.sleep(0)
        await PlainTextResponse("all of it" * 100)(scope, receive, send)

    shelf = Shelf(app)
    scope = {"type": "http", "method": "GET", "path": "/static/a.js", "headers": []}

    async def ask() -> bytes:
        said: list[bytes] = []

        async def hear(message: Message) -> None:
            said.append(message.get("body", b""))

        await shelf(dict(scope), asyncio.Event().wait, hear)  # type: ignore[arg-type]
        return b"".join(said)

    first = asyncio.create_task(ask())
    others = [asyncio.create_task(ask()) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()  # who began it leaves
    assert set(await asyncio.gather(*others)) == {b"all of it" * 100}
    assert await ask() == b"all of it" * 100
    assert read == 1


async def test_what_one_reader_left_in_the_middle_is_whole_for_the_next(shared_room: Served) -> None:
    file = Path(nicegui.__file__).parent / "static" / "quasar.umd.js"  # large, and not what a page loads
    path = f"/_nicegui/{nicegui.__version__}/static/{file.name}"
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", int(shared_room.url.rpartition(":")[2]))
        writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n".encode())
        await writer.drain()
        writer.transport.abort()
    async with httpx.AsyncClient(base_url=shared_room.url, trust_env=False, timeout=30) as browser:
        assert (await browser.get(path)).content == file.read_bytes()


@needs_browser
async def test_the_sign_in_page_fetches_all_that_the_overview_loads(
    shared_room: Served, gateway: AdminStandIn, viewer: Browser
) -> None:
    await viewer.open(f"{shared_room.url}/sign-in")
    await viewer.until(f"{LOADED}.length >= {len(overview_files())}")
    await viewer.type("Admin key", ADMIN_KEY)
    await viewer.press("Enter")
    await viewer.see("Revenue")
    await viewer.until("document.querySelector('.chart canvas') && document.fonts.check('16px \"Material Icons\"')")
    loaded = dict(await viewer.run(LOADED))
    files = {re.sub(r"\?.*", "", path) for path in overview_files()}
    assert set(loaded) - files == {"/static/favicon.svg"}  # which the sign-in page shows
    again = {path for path, size in loaded.items() if size and path in files}
    assert again == set(), "read again over the net"
    assert files - set(loaded) == set(), "fetched in vain"
