"""The admin API on a real gateway, for the tests of its functions."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from infra.store.models import AuditEvent
from tests.standins.running import ADMIN_KEY, Running

MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  one: {{adapter: openai, url: "http://127.0.0.1:9", slots: 8, api_key: hidden-in-the-file}}
  ollama: {{adapter: ollama, url: "http://127.0.0.1:9"}}
  left: {{adapter: vllm, url: "http://127.0.0.1:9"}}
  right: {{adapter: vllm, url: "http://127.0.0.1:9"}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 64}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [POST /admin/session, DELETE /admin/session], function: functions.admin_session, access: admin}}
  - routes: [GET /admin/users, POST /admin/users, "GET /admin/users/{{id}}", "PATCH /admin/users/{{id}}"]
    function: functions.admin_users
    access: admin
  - routes:
      - GET /admin/keys
      - POST /admin/keys
      - GET /admin/keys/{{id}}
      - PATCH /admin/keys/{{id}}
      - DELETE /admin/keys/{{id}}
      - POST /admin/keys/{{id}}/rotate
    function: functions.admin_keys
    access: admin
  - routes:
      - GET /admin/models
      - POST /admin/models
      - GET /admin/models/{{id:path}}
      - DELETE /admin/models/{{id:path}}
      - GET /admin/prices
    function: functions.admin_models
    access: admin
  - routes: [GET /admin/config, POST /admin/config/check, POST /admin/config/plan, POST /admin/config/apply]
    function: functions.admin_config
    access: admin
"""


class Admin:
    """Speaks to the admin API as the owner."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.gateway = running.gateway

    async def ask(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One request; `body` as bytes is sent as it is."""
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        sent = {"x-admin-key": ADMIN_KEY, **(headers or {})}
        return await self.running.client.request(method, path, content=content, headers=sent)

    async def done(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The answer of a request that must end with this status; numbers as exact Decimals."""
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    async def refused(self, method: str, path: str, body: Any = None, status: int = 400) -> Mapping[str, Any]:
        """The error of a request that must be refused with this status."""
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, answer.text
        error: Mapping[str, Any] = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error

    async def events(self) -> list[tuple[str, str]]:
        """(action, target) of the audit log, oldest first."""
        return [(event.action, event.target) for event in await AuditEvent.all().order_by("at_us", "id")]
