"""Gateways of their own processes with two backends, for the figures of routing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from infra.client import AdminClient
from infra.config.urls import database_url
from infra.ledger import audit
from infra.store.database import Store
from tests.standins.running import ADMIN_KEY
from tests.standins.served import Served, served

MANIFEST = """
gateway: {{{{database: "{{database}}", drain: {{drain}}}}}}
backends:
{backends}
models:
  stand-in: {{{{backend: [{targets}], price: {{{{input: 1.00/1M, output: 2.00/1M}}}}, max_output: 4096}}}}
endpoints:
  - {{{{routes: [POST /v1/chat/completions], function: functions.chat_completions}}}}
  - {{{{routes: [GET /health, GET /health/live, GET /health/ready], function: functions.health, access: open}}}}
  - {{{{routes: [GET /admin/users, POST /admin/users, "GET /admin/users/{{{{id}}}}"], function: functions.admin_users,
      access: admin}}}}
  - {{{{routes: [POST /admin/keys], function: functions.admin_keys, access: admin}}}}
  - {{{{routes: [GET /admin/backends, POST /admin/backends/probe], function: functions.admin_backends, access: admin}}}}
"""
PATH = "/v1/chat/completions"


def manifest(adapter: str = "openai", more: str = "slots: 64", **urls: str) -> str:
    """One model on these backends, by name."""
    backends = "\n".join(f'  {name}: {{{{adapter: {adapter}, url: "{url}", {more}}}}}' for name, url in urls.items())
    targets = ", ".join(f"{name}/stand-in" for name in urls)
    return MANIFEST.format(backends=backends, targets=targets)


def chat(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A conversation of its own."""
    return {"model": "stand-in", "messages": [{"role": "user", "content": f"one two {number}"}], **fields}


@dataclass
class Box:
    """A gateway, and a look into its database that is not its own."""

    gate: Served
    store: Store
    key: str
    http: httpx.AsyncClient
    ends: list[str] = field(default_factory=list)

    async def one(self, body: dict[str, Any]) -> tuple[int, str, float]:
        """Status, the last line or the body, seconds."""
        began, last = time.monotonic(), ""
        headers = {"authorization": f"Bearer {self.key}"}
        async with self.http.stream("POST", PATH, json=body, headers=headers) as answer:
            async for line in answer.aiter_lines():
                last = line or last
        return answer.status_code, last, time.monotonic() - began

    async def backends(self) -> dict[str, dict[str, Any]]:
        """GET /admin/backends, by name."""
        answer = await self.http.get("/admin/backends", headers={"x-admin-key": ADMIN_KEY})
        return {row["name"]: row for row in answer.json()["data"]}

    async def nothing_held(self, seconds: float) -> float:
        """Waits until no hold and no slot is taken; how long it took. Raises AssertionError."""
        began = time.monotonic()
        while True:
            held = await self.store.rows("SELECT id FROM requests WHERE state IN ('HELD', 'STREAMING')")
            if not held and not any(row["busy"] for row in (await self.backends()).values()):
                return time.monotonic() - began
            assert time.monotonic() - began < seconds, held
            await asyncio.sleep(0.02)

    async def proved(self) -> None:
        """The books are clean, to the nano."""
        report = await audit.audit(self.store, reprice=True)
        assert report.clean, report.findings[:5]
        assert report.held_total == 0


@asynccontextmanager
async def box(folder: Path, text: str, database: str | None = None, *words: str) -> AsyncIterator[Box]:
    """A gateway that serves this manifest, with a user who has money."""
    database = database or f"sqlite:///{folder}/aethergate.db"
    async with served(folder, "", *words, database=database, manifest=text) as gate:
        await gate.event("serving", 2 if "--workers" in words else 1)
        async with AdminClient(gate.url, token=ADMIN_KEY) as admin:
            await admin.add_user("ada", "1000")
            key = str((await admin.add_key("ada"))["key"])
        store = Store(database_url(database))
        await store.open()
        limits = httpx.Limits(max_connections=600, max_keepalive_connections=100)
        try:
            async with httpx.AsyncClient(base_url=gate.url, timeout=120, limits=limits) as http:
                yield Box(gate, store, key, http)
        finally:
            await store.close()


def p99(seconds: list[float]) -> float:
    """The 99th per cent, in seconds."""
    return sorted(seconds)[max(0, int(len(seconds) * 0.99) - 1)]


def error_of(last: str) -> str | None:
    """The code of an error event."""
    found = json.loads(last.removeprefix("data: ")) if last.startswith("data: {") else {}
    return found["error"]["code"] if "error" in found else None
