"""A scripted admin API on loopback, in the real one's shapes: for the control room's tests alone.

async with AdminStandIn() as gateway:
    gateway.users, gateway.backends …        # plain lists, changed at will between requests
    gateway.refuse = (500, "scripted")       # every request from now on
    seen = gateway.seen[-1]                  # method, path, query, body, idempotency key
"""

import asyncio
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from aiohttp import web

ADMIN_KEY = "admin-key-of-the-stand-in"
NANO = 10**9
HOSTILE = '<img src=x onerror="window.hacked=1">{{1+1}}'
"""A name that must stay text."""


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    idempotency_key: str | None


def money(name: str, nano: int) -> dict[str, Any]:
    """An amount as the API writes it: exact decimal and integer."""
    return {name: float(Decimal(nano) / NANO), f"{name}_nano": nano}


def user(name: str, nano: int = 10 * NANO, **more: Any) -> dict[str, Any]:
    """A user."""
    return {
        "id": f"user_{abs(hash(name)) % 10**8:08d}", "username": name, **money("balance", nano), **money("held", 0),
        **money("spent", 0), "active": True, "weight": 1, "limits": {}, "keys": 1, "last_used_at": None,
        "created_at": int(time.time()) - 86_400, **more,
    }  # fmt: skip


def key(name: str, username: str, **more: Any) -> dict[str, Any]:
    """A key, without its secret."""
    prefix = f"sk-{abs(hash(name + username)) % 10**12:012d}"
    return {
        "id": prefix[3:], "name": name, "username": username, "user_id": "user_1", "key_prefix": prefix, "active": True,
        "owner": False, "limits": {"requests": "60/m"}, "models": None, "expires_at": None,
        "created_at": int(time.time()) - 3_600, "last_used_at": int(time.time()) - 60, "replaced_by": None, **more,
    }  # fmt: skip


class AdminStandIn:
    """The server; `url` is its base."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.seen: list[Seen] = []
        self.refuse: tuple[int, str] | None = None
        self.refuse_reads = True  # else changes alone
        self.lists_take = 0.0  # seconds
        self.tokens: dict[str, float] = {}
        self.token_seconds = 8 * 3_600
        self.revenue_nano = 1_234_567_890
        self._listening: list[asyncio.Queue[str]] = []
        self.streams = 3
        self.users = [user("alice", 12_340_000_026), user(HOSTILE, 5 * NANO), user("bob", 0, active=False)]
        self.keys = [key("default", "alice"), key(HOSTILE, "alice"), key("old", "bob", active=False)]
        self.models = [_model("qwen2.5:3b"), _model(HOSTILE)]
        self.requests = [_request(place) for place in range(150)]
        self.backends = [
            {"name": "ollama", "adapter": "ollama", "up": True, "why": None, "slots": 8, "busy": 3, "queued": 0,
             "models": ["qwen2.5:3b"], "last_error": None, "checked_at": int(time.time())},
            {"name": "lab", "adapter": "vllm", "up": False, "why": f"connection refused {HOSTILE}", "slots": 4,
             "busy": 0, "queued": 2, "models": [], "last_error": "connection refused", "checked_at": int(time.time())},
        ]  # fmt: skip

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard])
        route = app.router.add_route
        route("POST", "/admin/session", self._session)
        route("DELETE", "/admin/session", self._end_session)
        route("GET", "/admin/overview", self._overview)
        route("GET", "/admin/events", self._events)
        route("GET", "/admin/series", self._series)
        route("GET", "/admin/users/{id}", self._one_user)
        for name in ("users", "keys", "models", "requests", "backends"):
            route("GET", f"/admin/{name}", self._list)
        route("GET", "/admin/requests/{id}", self._request)
        route("POST", "/admin/users", self._add_user)
        route("PATCH", "/admin/users/{id}", self._change_user)
        route("POST", "/admin/keys", self._add_key)
        route("DELETE", "/admin/keys/{id}", self._revoke)
        route("POST", "/admin/ledger/topups", self._top_up)
        route("POST", "/admin/backends/probe", self._list)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        await web.SockSite(self._runner, listening).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.tell("")
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """http://127.0.0.1:<port>"""
        return f"http://127.0.0.1:{self.port}"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        own = request.headers.get("idempotency-key")
        self.seen.append(Seen(request.method, request.path, dict(request.query), body, own))
        if self.refuse and (self.refuse_reads or request.method != "GET"):
            return _error(*self.refuse)
        said = request.headers.get("x-admin-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if said != ADMIN_KEY and self.tokens.get(said, 0) < time.time():
            return _error(401, "Incorrect API key provided.")
        try:
            found: web.StreamResponse = await handler(request)
        except web.HTTPNotFound:
            return _error(404, f"no route {request.method} {request.path}")
        return found

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        told: asyncio.Queue[str] = asyncio.Queue()
        self._listening.append(told)
        while (name := await told.get()) != "":
            await answer.write(f": beat\n\nevent: {name}\ndata: {{}}\n\n".encode())
        return answer

    @property
    def listeners(self) -> int:
        """How many read the event stream."""
        return len(self._listening)

    def tell(self, name: str) -> None:
        """Sends an event to whoever listens; "" ends the streams."""
        for told in self._listening:
            told.put_nowait(name)

    async def _session(self, _: web.Request) -> web.Response:
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = time.time() + self.token_seconds
        return web.json_response({"token": token, "expires_at": int(self.tokens[token])})

    async def _end_session(self, _: web.Request) -> web.Response:
        self.tokens.clear()
        return web.json_response({"ended": True})

    async def _overview(self, request: web.Request) -> web.Response:
        days = int(request.query.get("days", 1))
        return web.json_response(self.figures(days))

    def figures(self, days: int) -> dict[str, Any]:
        """The overview of that many days."""
        today = datetime.now(UTC).date()
        now = self._sums(days)
        return {
            "currency": "USD", "period_days": days, **now, "previous": self._sums(days, 80),
            "users": len(self.users), "keys": len(self.keys), **money("balance_total", 1_017_340_000_026),
            **money("held_total", 12_000), "ttft_ms": {"p50": 182, "p95": 1_240},
            "tokens_per_second": {"p50": 48.2, "p95": 21.5}, "live": {"streams": self.streams, "queued": 2},
            "backends": [{k: b[k] for k in ("name", "up", "slots", "busy", "queued", "why")} for b in self.backends],
            "by_day": [
                {"day": (today - timedelta(days=back)).isoformat(),
                 **money("revenue", self.revenue_nano * (back % 5 + 1)),
                 "requests": 210 * (back % 4 + 1), "input_tokens": 91_000 * (back % 6 + 1), "output_tokens": 40_000}
                for back in range(days) if self.revenue_nano
            ],
            "by_model": [{"model": m["id"], **money("revenue", self.revenue_nano // (i + 1)), "requests": 90 // (i + 1),
                          "output_tokens": 31_000} for i, m in enumerate(self.models) if self.revenue_nano],
            "by_user": [{"username": u["username"], **money("revenue", self.revenue_nano // (i + 1)), "requests": 1}
                        for i, u in enumerate(self.users) if self.revenue_nano],
        }  # fmt: skip

    async def _series(self, request: web.Request) -> web.Response:
        by = request.query["by"]
        names = {"none": ["all"], "model": [row["id"] for row in self.models]}.get(by) or [
            row["username"] for row in self.users
        ]
        hour = int(time.time()) // 3_600 * 3_600
        times = [datetime.fromtimestamp(hour - 3_600 * back, UTC).isoformat() for back in reversed(range(24))]
        points = [
            {"at": at, **money("revenue", self.revenue_nano // 24), "requests": 20 if self.revenue_nano else 0,
             "errors": 0, "input_tokens": 900 if self.revenue_nano else 0, "output_tokens": 0} for at in times
        ]  # fmt: skip
        series = [{"id": name, "name": name, "points": points} for name in names]
        return web.json_response({"object": "series", "step": request.query["step"], "by": by, "series": series})

    async def _one_user(self, request: web.Request) -> web.Response:
        return web.json_response(self._user(request.match_info["id"]))

    def _sums(self, days: int, per_cent: int = 100) -> dict[str, Any]:
        busy = per_cent if self.revenue_nano else 0
        return {
            **money("revenue", self.revenue_nano * days * per_cent // 100), "requests": 420 * days * busy // 100,
            "errors": 3 * days * busy // 100, "input_tokens": 1_291_000 * days * busy // 100,
            "output_tokens": 240_500 * days * busy // 100, "active_users": 2 if busy else 0,
        }  # fmt: skip

    async def _list(self, request: web.Request) -> web.Response:
        rows: list[dict[str, Any]] = getattr(self, request.path.split("/")[2])
        await asyncio.sleep(self.lists_take)
        query = request.query
        if "q" in query:
            rows = [row for row in rows if query["q"].lower() in row["username"].lower()]
        if query.get("user"):
            rows = [row for row in rows if row["username"] == query["user"]]
        if query.get("state"):
            rows = [row for row in rows if row.get("state", "active" if row["active"] else "revoked") == query["state"]]
        if query.get("sort"):
            by = {"name": "username", "created": "created_at"}.get(query["sort"].lstrip("-"), query["sort"].lstrip("-"))
            rows = sorted(rows, key=lambda row: row[by] or 0, reverse=query["sort"].startswith("-"))
        first, limit = int(query.get("cursor", 0)), int(query.get("limit", 0)) or len(rows)
        more = str(first + limit) if first + limit < len(rows) else None
        return web.json_response({"object": "list", "data": rows[first : first + limit], "next": more})

    async def _request(self, request: web.Request) -> web.Response:
        row = next((row for row in self.requests if row["id"] == request.match_info["id"]), None)
        if row is None:
            return _error(404, "no such request")
        cost = [
            {"meter": "input", "units": 1_200, "price": "1.00/1M", **money("amount", 1_200_000)},
            {"meter": "output", "units": 345, "price": "2.00/1M", **money("amount", 690_000)},
        ]
        return web.json_response({**row, "cost": cost})

    async def _add_user(self, request: web.Request) -> web.Response:
        body = await request.json()
        if any(row["username"] == body["username"] for row in self.users):
            return _error(409, f"there is a user named {body['username']} already")
        self.users.append(user(body["username"], int(Decimal(str(body.get("balance", 0))) * NANO)))
        return web.json_response(self.users[-1], status=201)

    async def _change_user(self, request: web.Request) -> web.Response:
        row = self._user(request.match_info["id"])
        row.update(await request.json())
        return web.json_response(row)

    def _user(self, name: str) -> dict[str, Any]:
        return next(row for row in self.users if name in (row["id"], row["username"]))

    async def _add_key(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.keys.append(key(body.get("name", "default"), body["username"]))
        return web.json_response({"key": self.keys[-1]["key_prefix"] + "x" * 38, **self.keys[-1]})

    async def _revoke(self, request: web.Request) -> web.Response:
        row = next(row for row in self.keys if row["id"] == request.match_info["id"])
        row["active"] = False
        return web.json_response(row)

    async def _top_up(self, request: web.Request) -> web.Response:
        body = await request.json()
        row = self._user(body["username"])
        amount = int(Decimal(str(body["amount"])) * NANO)
        row.update(money("balance", row["balance_nano"] + amount))
        return web.json_response(
            {"entry_id": "entry_1", **money("amount", amount), **money("balance", row["balance_nano"])}
        )


def _error(status: int, message: str) -> web.Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    return web.json_response(body, status=status)


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name, "targets": [f"ollama/{name}"], "source": "file", "active": True, "price_in": 0.000001,
        "price_out": 0.000002, "price": {"input": "1.00/1M", "output": "2.00/1M"}, "price_version": 3,
        "max_output": 4_096, "context": 32_768, "limits": {}, "overrides_file": False,
    }  # fmt: skip


def _request(place: int) -> dict[str, Any]:
    failed = place % 7 == 3
    return {
        "id": f"req_{place:06d}", "state": "VOID" if failed else "SETTLED", "username": "alice", "key_name": "default",
        "endpoint": "chat_completions", "model": HOSTILE if place == 1 else "qwen2.5:3b", "backend": "ollama",
        "stream": place % 2 == 0, "status": 502 if failed else 200, "error_code": "backend_error" if failed else None,
        "error": f"the backend broke off {HOSTILE}" if failed else None, "input_tokens": 1_200, "output_tokens": 345,
        "basis": "measured", **money("charged", 0 if failed else 1_890_000), **money("refunded", 0),
        "created_at": int(time.time()) - 60 * place, "finished_at": int(time.time()) - 60 * place + 2,
        "waited_ms": 12, "first_byte_ms": 340, "duration_ms": 2_048,
    }  # fmt: skip
