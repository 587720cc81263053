"""A whole gateway on a real socket, for tests: real database, real server, whatever backend the manifest names."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from hypercorn.asyncio import serve

from infra.config.loader import load
from infra.config.objects import Limits, Secrets
from infra.ledger import audit
from infra.runtime.gateway import Gateway
from infra.runtime.listener import bind, settings, url_of
from infra.store.models import Request, User
from infra.units import money

ADMIN_KEY = "admin-key-for-tests-0123456789"
SECRETS = Secrets(secret_key="secret-key-for-tests-0123456789", master_api_key=ADMIN_KEY)

MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 8, queue: {{length: 16, wait: 5s}}}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 64}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions, limits: {{body: 1MB}}}}
  - {{routes: [POST /v1/completions], function: functions.completions}}
  - {{routes: [POST /v1/embeddings], function: functions.embeddings}}
  - {{routes: [GET /health, GET /health/live, GET /health/ready], function: functions.health, access: open}}
  - {{routes: [GET /metrics], function: functions.metrics, access: admin}}
"""


@dataclass
class Running:
    """A gateway that serves at `url`."""

    gateway: Gateway
    url: str
    client: httpx.AsyncClient

    async def key(self, name: str = "ada", balance: str = "10.00", **columns: Any) -> str:
        """A new user with this balance, and a key of theirs."""
        user = await self.gateway.ledger.open_user(name, money(balance), actor="test", address="test")
        wanted: dict[str, Any] = {"limits": Limits(), "models": None, "expires_us": None, "owner": False, **columns}
        _, secret = await self.gateway.identity.keys.mint(user, "default", **wanted)
        return secret

    async def post(self, path: str, key: str, body: Any, **more: Any) -> httpx.Response:
        """A POST with a key."""
        return await self.client.post(path, json=body, headers={"authorization": f"Bearer {key}"}, **more)

    async def user(self, name: str = "ada") -> User:
        """The user's row as it is now."""
        return await User.get(name=name)

    async def requests(self) -> list[Request]:
        """The journal, oldest first."""
        return await Request.all().order_by("id")

    async def settled(self) -> None:
        """Waits until nothing is held any more, then proves the books."""
        for _ in range(200):
            if not await Request.filter(state__in=["HELD", "STREAMING"]).exists():
                break
            await asyncio.sleep(0.02)
        report = await audit.audit(self.gateway.store, reprice=True)
        assert report.clean, report.findings
        assert report.held_total == 0


@contextlib.asynccontextmanager
async def running(folder: Path, manifest: str, database: str | None = None, **names: str) -> AsyncIterator[Running]:
    """Starts a gateway on a free port with this gateway.yaml; `{database}` and `names` are filled in."""
    path = folder / "gateway.yaml"
    path.write_text(manifest.format(database=database or f"sqlite:///{folder}/aethergate.db", **names))
    gateway = Gateway.create(load(path, {}), SECRETS)
    listener = bind("127.0.0.1", 0)
    url = url_of(listener)
    await gateway.start(url=url)
    stop = asyncio.Event()
    config = settings(listener, 0.2, gateway.headers_seconds)
    server = asyncio.create_task(serve(gateway.app, config, shutdown_trigger=stop.wait))
    try:
        async with httpx.AsyncClient(base_url=url, timeout=20) as client:
            yield Running(gateway, url, client)
    finally:
        stop.set()
        await server
        await gateway.stop()
