"""Every route of the shipped gateway.yaml once or more: as it stands there, the path to ask, the body."""

from collections.abc import Iterator
from typing import Any

from tests.functions.whole import CHAT, Whole

Step = tuple[str, str, Any]


def walk(house: Whole) -> Iterator[Step]:
    """In an order in which each of them works."""
    yield from people(house.key_id)
    yield from trade(house.request_id)
    yield from place(house.request_id)
    yield from callers(house.request_id)
    yield "POST /admin/keys/{id}/rotate", f"/admin/keys/{house.key_id}/rotate", {"grace": "1h"}
    yield "DELETE /admin/keys/{id}", f"/admin/keys/{house.key_id}", None


def people(key: str) -> Iterator[Step]:
    """What runs, users and keys."""
    user = "ada"
    yield "POST /admin/session", "/admin/session", {}
    yield "DELETE /admin/session", "/admin/session", None
    yield "GET /admin/overview", "/admin/overview?days=7", None
    yield "GET /admin/series", "/admin/series?by=model&step=hour", None
    yield "GET /admin/margins", "/admin/margins?days=7", None
    yield "POST /admin/figures/rebuild", "/admin/figures/rebuild", {}
    yield "GET /admin/live", "/admin/live", None
    yield "GET /admin/users", "/admin/users?q=a", None
    yield "POST /admin/users", "/admin/users", {"username": "bob", "balance": 1.5}
    yield "GET /admin/users/{id}", f"/admin/users/{user}", None
    yield "PATCH /admin/users/{id}", f"/admin/users/{user}", {"weight": 2}
    yield "GET /admin/users/{id}/usage", f"/admin/users/{user}/usage?days=3", None
    yield from (
        ("GET /admin/users/{id}/statement", f"/admin/users/{user}/statement?format={form}", None)
        for form in ("json", "csv", "html")
    )
    yield "GET /admin/keys", "/admin/keys", None
    yield "POST /admin/keys", "/admin/keys", {"username": "bob", "expires": "1d", "models": ["stand-in"]}
    yield "GET /admin/keys/{id}", f"/admin/keys/{key}", None
    yield "PATCH /admin/keys/{id}", f"/admin/keys/{key}", {"name": "other"}


def trade(request: str) -> Iterator[Step]:
    """Models, prices, requests, backends."""
    yield "GET /admin/models", "/admin/models", None
    yield "POST /admin/models", "/admin/models", {"id": "a/b", "upstream": "one/b", "price_in": 1e-6, "price_out": "0"}
    yield "POST /admin/models", "/admin/models", {"id": "a/b", "max_output": 9}
    yield "GET /admin/models/{id:path}", "/admin/models/a/b", None
    yield "GET /admin/prices", "/admin/prices?model=stand-in", None
    preview = {"model": "stand-in", "price": {"input": "2.00/1M"}}
    yield "POST /admin/prices/preview", "/admin/prices/preview", preview
    yield "DELETE /admin/models/{id:path}", "/admin/models/a/b", None
    yield "GET /admin/requests", "/admin/requests?status=5xx", None
    yield "GET /admin/requests/export", "/admin/requests/export?format=jsonl", None
    yield "GET /admin/requests/export", "/admin/requests/export?user=ada", None
    yield "GET /admin/requests/{id}", f"/admin/requests/{request}", None
    yield "GET /admin/backends", "/admin/backends", None
    yield "POST /admin/backends/probe", "/admin/backends/probe", {}
    yield "PATCH /admin/backends/{name}", "/admin/backends/one", {"drain": True}
    yield "PATCH /admin/backends/{name}", "/admin/backends/one", {"drain": False}
    yield "GET /admin/backends/{name}/events", "/admin/backends/one/events", None


def place(request: str) -> Iterator[Step]:
    """Money and configuration."""
    user = "ada"
    yield "POST /admin/ledger/topups", "/admin/ledger/topups", {"username": user, "amount": "1"}
    yield "POST /admin/ledger/adjustments", "/admin/ledger/adjustments", {"username": user, "amount": -1, "reason": "x"}
    yield "POST /admin/ledger/refunds", "/admin/ledger/refunds", {"request_id": request, "reason": "x"}
    yield "GET /admin/ledger", "/admin/ledger", None
    yield "GET /admin/ledger/audit", "/admin/ledger/audit?reprice=1", None
    yield "GET /admin/ledger/audit", "/admin/ledger/audit?progress=1", None
    yield "GET /admin/config", "/admin/config", None
    yield from ((f"POST /admin/config/{verb}", f"/admin/config/{verb}", {}) for verb in ("check", "plan", "apply"))
    yield "GET /admin/endpoints", "/admin/endpoints", None
    yield "POST /admin/endpoints/{name}/reload", "/admin/endpoints/account/reload", {}
    yield "GET /admin/openapi.json", "/admin/openapi.json", None
    yield "GET /admin/audit-events", "/admin/audit-events", None


def callers(request: str) -> Iterator[Step]:
    """What has no admin key."""
    yield "POST /v1/chat/completions", "/v1/chat/completions", CHAT
    yield "POST /v1/completions", "/v1/completions", {"model": "stand-in", "prompt": "one two"}
    yield "POST /v1/embeddings", "/v1/embeddings", {"model": "stand-in", "input": "one two"}
    yield "GET /v1/models", "/v1/models", None
    yield "GET /v1/models/{id:path}", "/v1/models/stand-in", None
    yield "GET /v1/account", "/v1/account", None
    yield "GET /v1/account/usage", "/v1/account/usage?days=2", None
    yield "GET /v1/account/requests", "/v1/account/requests", None
    yield "GET /v1/account/requests/{id}", f"/v1/account/requests/{request}", None
    yield from ((f"GET /health{word}", f"/health{word}", None) for word in ("", "/live", "/ready"))
    yield "GET /metrics", "/metrics", None
