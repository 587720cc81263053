"""The control room as an ASGI app, and serving it until told to stop.

One per process: NiceGUI's own app is a singleton and its sockets live here.
"""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import socket
import traceback
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import FastAPI
from hypercorn.asyncio import serve
from hypercorn.config import Config
from nicegui import core, ui
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles

from .assets import OURS, Shelf
from .downloads import add_downloads
from .frame import add_page, warm
from .guard import Guard, Headers
from .house import House
from .pages import PAGES
from .sign_in import add_sign_in

COOKIE_SECONDS = 8 * 3_600
"""As long as the gateway's session tokens."""
GRACE_SECONDS = 1.0
"""What an answer under way gets when we stop; open tabs are disconnected at once."""


def storage_secret(environ: Mapping[str, str]) -> str:
    """What signs the cookies: derived from SECRET_KEY, so that it is not that key; without one a random secret."""
    key = environ.get("SECRET_KEY", "")
    return (
        hmac.new(key.encode(), b"aethergate ui cookies", hashlib.sha256).hexdigest() if key else secrets.token_hex(32)
    )


def create(api_url: str, storage_secret: str) -> FastAPI:
    """The app, for the gateway at `api_url`; call it once in a process."""
    house = House(api_url)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warm(PAGES, house)
        yield
        await house.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(Guard, sessions=house.sessions)
    app.add_middleware(
        SessionMiddleware, secret_key=storage_secret, session_cookie="aethergate_room", max_age=COOKIE_SECONDS
    )
    app.add_middleware(Shelf)
    app.add_middleware(Headers)  # added last, so it is the outermost
    add_sign_in(app, house)
    add_downloads(app, house)
    app.add_api_route("/health", lambda: PlainTextResponse("ok"), methods=["GET"], response_model=None)
    app.mount("/static", StaticFiles(directory=OURS))
    for page in PAGES:
        add_page(page, PAGES, house)
    ui.run_with(
        app,
        title="AetherGate",
        favicon=OURS / "favicon.svg",
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=20,
        storage_secret=storage_secret,
        show_welcome_message=False,
    )
    return app


async def run(host: str, port: int, api_url: str, stop: asyncio.Event) -> None:
    """Serves the control room of the gateway at `api_url` until `stop` is set (the CLI's default is 127.0.0.1:8501).

    Raises OSError when the port is taken. Open tabs do not hold the exit back.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=100)  # before the app starts: a clean OSError
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.include_server_header = False
    config.graceful_timeout = GRACE_SECONDS
    config.loglevel = "WARNING"
    for name in ("hypercorn.error", "engineio.server"):
        logging.getLogger(name).addFilter(QuietAboutLeavers())
    app = create(api_url, storage_secret(os.environ))

    async def told_to_stop() -> None:
        await stop.wait()
        asyncio.get_running_loop().set_exception_handler(_quiet_about_cuts)
        if core.sio.eio.sockets:  # every open tab: on Python 3.12+ Hypercorn would wait for them without end
            await core.sio.eio.disconnect()

    serving = asyncio.create_task(serve(app, config, shutdown_trigger=told_to_stop))  # type: ignore[arg-type]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            await asyncio.wait({serving}, timeout=GRACE_SECONDS + 3)
    finally:
        stopping.cancel()
        serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


class QuietAboutLeavers(logging.Filter):
    """Drops the tracebacks of a tab that is closed while it loads, which is no fault.

    Hypercorn lets the pieces for a closed connection fall, then tells h11 that the file is whole, which h11 takes for a
    fault of ours: "Too little data for declared Content-Length". Engine.IO greets a socket in a task of its own, which
    finds nothing of a socket that has gone meanwhile: a KeyError of `_handle_connect`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        wrong = record.exc_info[1] if record.exc_info else None
        while isinstance(wrong, BaseExceptionGroup) and len(wrong.exceptions) == 1:
            wrong = wrong.exceptions[0]
        if isinstance(wrong, KeyError):
            return traceback.extract_tb(wrong.__traceback__)[-1].name != "_handle_connect"
        told = f"{type(wrong).__name__}: {wrong}"
        return not told.startswith("LocalProtocolError: Too little data for declared Content-Length")


def _quiet_about_cuts(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Python 3.11 reports a connection that is cut at the end of the grace period as an unhandled error."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)
