"""Files that the browser takes home: exports of the request log and statements, through this process's own routes.

The browser is known by its signed cookie, so no token stands in an address. What the gateway streams passes through
piece by piece; an export counts its rows on the way, which the page shows.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from infra.client import AdminClient, ClientError

from .exports import Export
from .guard import session_of
from .house import House

KINDS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson", "html": "text/html; charset=utf-8"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox allow-modals"
"""A statement is a page of its own: it runs no script and asks nobody."""
_MONTH = re.compile(r"\d{4}-\d{2}")


def add_downloads(app: FastAPI, house: House) -> None:
    """The routes; the guard in front has turned away who is not signed in."""

    async def requests(request: Request, export_id: str) -> Response:
        asking, session_id = _client(request, house)
        export = house.exports.find(export_id, session_id) if asking else None
        if asking is None or export is None or export.state != "waiting":
            return PlainTextResponse("This export is not there any more: begin it anew on the page Requests.", 404)
        file = asking.export_requests(export.format, **export.filters)
        return await _passed_on(file, export.format, f"requests.{export.format}", export)

    async def statement(request: Request, user: str, month: str, kind: str) -> Response:
        asking, _ = _client(request, house)
        if asking is None or kind not in ("csv", "html") or not _MONTH.fullmatch(month):
            return PlainTextResponse("A statement is of a month such as 2026-11, as csv or html.", 404)
        return await _passed_on(asking.statement_file(user, month, kind), kind, f"statement-{user}-{month}.{kind}")

    app.add_api_route("/download/requests/{export_id}", requests, methods=["GET"], response_model=None)
    app.add_api_route("/download/statement/{user}/{month}/{kind}", statement, methods=["GET"], response_model=None)


def _client(request: Request, house: House) -> tuple[AdminClient | None, str]:
    session = session_of(request, house.sessions)
    return (house.client_of(session), session.id) if session else (None, "")


async def _passed_on(
    file: AbstractAsyncContextManager[httpx.Response], kind: str, name: str, export: Export | None = None
) -> Response:
    stack = contextlib.AsyncExitStack()
    try:
        answer = await stack.enter_async_context(file)
    except ClientError as wrong:
        if export is not None:
            export.state, export.why = "failed", str(wrong)
        return PlainTextResponse(str(wrong), 502)
    if export is not None:
        total = answer.headers.get("x-total-count", "")
        export.state, export.total = "running", int(total) if total.isdecimal() else None
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    where = "inline" if kind == "html" else f'attachment; filename="{safe}"'
    headers = {"content-disposition": where, "cache-control": "no-store", "content-security-policy": POLICY}
    return StreamingResponse(_pieces(stack, answer, export), 200, headers, KINDS[kind])


async def _pieces(
    stack: contextlib.AsyncExitStack, answer: httpx.Response, export: Export | None
) -> AsyncIterator[bytes]:
    """What the gateway streams. Where it breaks off the download breaks off too, so that no half a file looks whole;
    an export that the viewer stopped ends with the rows it has."""
    try:
        async with stack:
            async for piece in answer.aiter_bytes():
                yield piece
                if export is not None and not export.goes_on(piece):
                    return
    except ClientError as wrong:
        if export is not None:
            export.state, export.why = "failed", str(wrong)
        raise
    finally:
        if export is not None:
            export.end()
