"""Scripts, styles and fonts: compressed once, kept in memory, told to be kept by browsers, and the same for everybody.

They are named by what they hold (NiceGUI's by its version, ours by a hash), so what was once read is good for ever.
An answer that says `Vary: Cookie`, as all behind the session do, would be fetched anew after each sign-in.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from nicegui import __version__, ui
from nicegui.dependencies import esm_modules
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OURS = Path(__file__).parent / "static"
_NICEGUI = f"/_nicegui/{__version__}"
_UNCHANGING = ("/static/", *(f"{_NICEGUI}/{kind}/" for kind in ("static", "components", "esm", "libraries")))
_KEEP = "public, max-age=31536000, immutable"
_STATIC = (
    "fonts.css", "quasar.unimportant.prod.css", "quasar.important.prod.css", "nicegui.css", "vue.esm-browser.prod.js",
    "socket.io.min.js", "quasar.umd.prod.js", "nicegui.js", "lang/en-US.umd.prod.js", "dompurify.mjs",
    "utils/dynamic_properties.js",
)  # fmt: skip
"""What every page of NiceGUI's loads."""
_COMPONENTS = (ui.colors, ui.dark_mode, ui.header, ui.link, ui.timer, ui.echart)
"""What the overview is made of beside Quasar's own."""


def ours(name: str) -> str:
    """The address of a file of ours, which changes with what it holds."""
    return f"/static/{name}?v={hashlib.sha256((OURS / name).read_bytes()).hexdigest()[:12]}"


def overview_files() -> list[str]:
    """The addresses of what a browser needs for the first page after the sign-in, in the order in which it asks."""
    components = [f"{_NICEGUI}/components/{kind.component.key}" for kind in _COMPONENTS if kind.component]
    return [
        *(f"{_NICEGUI}/static/{name}" for name in _STATIC),
        *(ours(name) for name in ("room.js", "room.css", "work.css")),
        *components,
        *_charts(),
        f"{_NICEGUI}/static/{_icons()}",
    ]


def _charts() -> Iterable[str]:
    """ECharts: a module of a line, and the one that it stands for."""
    [(key, found)] = [(key, found) for key, found in esm_modules.items() if found.name == "nicegui-echart"]
    names = ["index.js", *re.findall(r'from"\./([^"]+)"', (found.path / "index.js").read_text(encoding="utf-8"))]
    return [f"{_NICEGUI}/esm/{key}/{name}" for name in names]


def _icons() -> str:
    """The font of the filled icons, the first that the style names."""
    import nicegui

    styles = (Path(nicegui.__file__).parent / "static" / "fonts.css").read_text(encoding="utf-8")
    [(found, *_)] = [re.findall(r"url\(([^)]+)\)", styles)]
    return str(found)


async def _stays() -> Message:
    """A reader who never leaves: else the part that one has read would be kept for all."""
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets")


class Shelf:
    """Answers for unchanging files before anything else of the app is asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, minimum_size=500)
        self._kept: dict[tuple[str, bool], list[Message]] = {}
        self._reading: dict[tuple[str, bool], asyncio.Task[list[Message]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(_UNCHANGING):
            await self._app(scope, receive, send)
            return
        name = scope["path"], "gzip" in Headers(scope=scope).get("accept-encoding", "")
        for message in self._kept.get(name) or await self._read_once(name, scope):
            await send(message)

    async def _read_once(self, name: tuple[str, bool], scope: Scope) -> list[Message]:
        """However many ask for it at once; who leaves meanwhile takes it from nobody."""
        if name not in self._reading:
            self._reading[name] = asyncio.create_task(self._read(name, scope))
            self._reading[name].add_done_callback(lambda _: self._reading.pop(name))
        return await asyncio.shield(self._reading[name])

    async def _read(self, name: tuple[str, bool], scope: Scope) -> list[Message]:
        said: list[Message] = []
        whole = [(field, value) for field, value in scope["headers"] if field not in (b"range", b"if-none-match")]

        async def hear(message: Message) -> None:
            said.append(message)

        await self._compressed({**scope, "headers": whole}, _stays, hear)
        start, body = dict(said[0]), b"".join(message.get("body", b"") for message in said[1:])
        headers = MutableHeaders(raw=list(start["headers"]))
        if start["status"] != 200:
            return said
        for field in ("set-cookie", "vary", "transfer-encoding", "etag", "last-modified"):
            del headers[field]
        # A browser that left in the middle would ask for the rest, by what it has of the compressed text.
        headers["accept-ranges"] = "none"
        headers["vary"] = "Accept-Encoding"
        headers["content-length"] = str(len(body))
        headers["cache-control"] = _KEEP
        self._kept[name] = [{**start, "headers": headers.raw}, {"type": "http.response.body", "body": body}]
        return self._kept[name]
