"""A gateway with every endpoint of the shipped gateway.yaml, in front of a scripted backend, with something in its
books."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.functions.trade.owner import Owner
from tests.house.tree import ROOT
from tests.standins.openai_backend import StandIn

_SHIPPED = (ROOT / "gateway.yaml").read_text()
ENDPOINTS = _SHIPPED[_SHIPPED.index("\nendpoints:") :].replace("{", "{{").replace("}", "}}")
MANIFEST = (
    """gateway: {{database: "{database}"}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 8, queue: {{length: 16, wait: 5s}}}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 64}}
"""
    + ENDPOINTS
)
CHAT: dict[str, Any] = {"model": "stand-in", "messages": [{"role": "user", "content": "one two three"}]}


@dataclass
class Whole:
    """The gateway, its owner and one caller, `ada`, who has bought something."""

    owner: Owner
    backend: StandIn
    key: str = ""
    key_id: str = ""
    request_id: str = ""

    async def fill(self) -> None:
        """A user with a key, requests that went well and badly, and entries of every kind."""
        await self.owner.done("POST", "/admin/users", {"username": "ada", "balance": "10"}, 201)
        made = await self.owner.done("POST", "/admin/keys", {"username": "ada", "limits": {"requests": "900/m"}}, 201)
        self.key, self.key_id = made["key"], made["id"]
        self.request_id = (await self.owner.chat(self.key)).headers["x-request-id"]
        await self.owner.chat(self.key, stream=True)
        self.backend.once(status=500)
        await self.owner.chat(self.key)
        await self.owner.journalled(3)

    async def ask(self, method: str, path: str, body: Any = None, once: str = "") -> httpx.Response:
        """At the admin API as the owner, elsewhere as ada."""
        headers = {"idempotency-key": once} if once else {}
        if path.startswith("/v1/"):
            headers["authorization"] = f"Bearer {self.key}"
            content = None if body is None else json.dumps(body).encode()
            return await self.owner.running.client.request(method, path, content=content, headers=headers)
        if (method, path) == ("DELETE", "/admin/session"):  # what only a session can ask
            opened = await self.owner.done("POST", "/admin/session", {})
            headers["x-admin-key"] = opened["token"]
        return await self.owner.ask(method, path, body, headers=headers)
