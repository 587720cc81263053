"""The sign-in page: plain HTML, so that the admin key travels once, in one POST, and is no part of a page's state.

The key is exchanged for a short-lived token (POST /admin/session) and forgotten; the token stays in `session.Sessions`.
"""

from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, quote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .assets import ours, overview_files
from .guard import inside, prefix_of, session_of
from .house import House, Refused, Unreachable
from .questions import of_the_overview

BODY_MAX = 8_192
REASONS = {
    "expired": "You were signed out: the session is over. Sign in again to go on.",
    "left": "You are signed out.",
    "": "",
}
_PAGE = Template((Path(__file__).parent / "static" / "sign_in.html").read_text(encoding="utf-8"))


def add_sign_in(app: FastAPI, house: House) -> None:
    """The routes /sign-in and /sign-out."""

    async def show(request: Request) -> Response:
        """The form; a browser that is signed in goes straight on."""
        target = inside(request.query_params.get("next"))
        if session_of(request, house.sessions) is not None:
            return _go(request, target)
        return _form(request, target, REASONS.get(request.query_params.get("why", ""), ""))

    async def enter(request: Request) -> Response:
        """The key for a session."""
        target = inside(request.query_params.get("next"))
        if request.headers.get("sec-fetch-site") == "cross-site":
            return _form(request, target, "Open the sign-in page itself and type the key there.", 403)
        key = await _key(request)
        if not key or not key.isprintable():
            return _form(request, target, "Type the admin key.", 400)
        if not await house.brake.passes(_address(request)):
            return _form(request, target, "Too many attempts. Wait a minute, then try again.", 429)
        try:
            session = await house.open_session(key)
        except Unreachable as unreachable:
            return _form(request, target, str(unreachable), 502)
        except Refused as refused:
            return _form(request, target, _why(refused), 401 if refused.status in (401, 403) else 502)
        request.session["sid"] = session.id
        if target == "/":
            house.ask_ahead(session, of_the_overview())
        return _go(request, target)

    async def leave(request: Request) -> Response:
        """Signs out, in every tab of this browser."""
        await house.sign_out(request.session.pop("sid", None))
        return RedirectResponse(f"{prefix_of(request)}/sign-in?why=left", 303)

    app.add_api_route("/sign-in", show, methods=["GET"], response_model=None)
    app.add_api_route("/sign-in", enter, methods=["POST"], response_model=None)
    app.add_api_route("/sign-out", leave, methods=["POST"], response_model=None)


def _go(request: Request, target: str) -> Response:
    return RedirectResponse(prefix_of(request) + target, 303)


def _why(refused: Refused) -> str:
    if refused.status in (401, 403):
        return "That is not the admin key. It is MASTER_API_KEY in the .env file beside the gateway."
    if refused.status == 429:
        return "The gateway has seen too many wrong keys. Wait a minute, then try again."
    return f"The gateway could not sign you in: {refused}"


async def _key(request: Request) -> str:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_MAX:
            return ""
    return parse_qs(body.decode("utf-8", "replace")).get("key", [""])[0].strip()


def _address(request: Request) -> str:
    """Whose attempt it is. A peer on this machine is taken for a reverse proxy that appended the true address."""
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "").rsplit(",", 1)[-1].strip()
    return forwarded if forwarded and peer in ("127.0.0.1", "::1") else peer


def _form(request: Request, target: str, notice: str, status: int = 200) -> Response:
    theme = request.cookies.get("theme", "")
    page = _PAGE.substitute(
        prefix=escape(prefix_of(request)),
        icon=escape(ours("favicon.svg")),
        style=escape(ours("sign_in.css")),
        ahead=escape(" ".join(overview_files())),
        theme=theme if theme in ("dark", "light") else "auto",
        action=escape(f"{prefix_of(request)}/sign-in?next={quote(target, safe='')}"),
        notice=f'<p class="notice" role="alert">{escape(notice)}</p>' if notice else "",
    )
    return HTMLResponse(page, status, {"cache-control": "no-store"})
