"""What stands before every page: security headers, the cookie's Secure flag, and the sign-in for all but a few paths.

Two plain ASGI wrappers; between them sits Starlette's SessionMiddleware, which signs the cookie.
"""

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .session import Session, Sessions

OPEN = ("/sign-in", "/sign-out", "/health", "/favicon.ico", "/static/", "/_nicegui/", "/_nicegui_ws/")
"""Paths that need no sign-in. A NiceGUI socket is bound to the unguessable id of a page that was served to somebody."""

# 'unsafe-eval' and 'unsafe-inline' are what NiceGUI's Vue templates need; everything comes from this host.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-frame-options": b"DENY",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    b"cross-origin-opener-policy": b"same-origin",
}


class Headers:
    """Adds the security headers to every answer, and `Secure` to cookies where the browser speaks HTTPS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        forwarded = dict(scope["headers"]).get(b"x-forwarded-proto", b"")
        secure = scope["scheme"] == "https" or forwarded.split(b",")[0].strip() == b"https"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, secure)
            await send(message)

        await self._app(scope, receive, with_headers)


def _add_headers(message: MutableMapping[str, Any], secure: bool) -> None:
    said = message.get("headers", [])
    # A file from the gateway brings a policy of its own, which allows less.
    own = {b"content-security-policy"} & {name.lower() for name, _ in said}
    found = [(name, value) for name, value in said if name.lower() not in HEADERS or name.lower() in own]
    if secure:
        found = [(name, value + b"; secure" if name.lower() == b"set-cookie" else value) for name, value in found]
    message["headers"] = [*found, *((name, value) for name, value in HEADERS.items() if name not in own)]


class Guard:
    """Lets a signed-in browser pass; sends any other to the sign-in page, and from there back to where it wanted."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if session_of(request, self._sessions) is not None:
            await self._app(scope, receive, send)
        elif request.method in ("GET", "HEAD"):
            await _to_sign_in(request)(scope, receive, send)
        else:
            await PlainTextResponse("Sign in first.", 401)(scope, receive, send)


def _is_open(path: str) -> bool:
    return any(path == open_path or (open_path.endswith("/") and path.startswith(open_path)) for open_path in OPEN)


def _to_sign_in(request: Request) -> RedirectResponse:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # A browser that still carries the id of a session has been signed in before.
    why = "&why=expired" if "sid" in request.session else ""
    return RedirectResponse(f"{prefix_of(request)}/sign-in?next={quote(wanted, safe='')}{why}", 303)


def session_of(request: Request, sessions: Sessions) -> Session | None:
    """The sign-in that this browser's cookie names, while it is alive."""
    return sessions.find(request.session.get("sid"))


_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


def prefix_of(request: Request) -> str:
    """The sub-path a reverse proxy serves us under (X-Forwarded-Prefix), "" where there is none or it is no path."""
    said = request.headers.get("x-forwarded-prefix", "").rstrip("/")
    return said if _PREFIX.fullmatch(said) else ""


def inside(target: str | None) -> str:
    """`target` where it is a path of this control room, else "/": no sign-in ever leads to another host."""
    if not target or not target.startswith("/") or "\\" in unquote(target):
        return "/"
    if target.startswith("//") or any(ord(letter) < 32 or letter == "\x7f" for letter in unquote(target)):
        return "/"
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc and parts.path not in ("/sign-in", "/sign-out") else "/"
