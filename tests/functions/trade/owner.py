"""The owner and the callers of a gateway that sells."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx

from infra.store.models import Request
from tests.functions.admin import Admin

CHAT: dict[str, Any] = {"model": "stand-in", "messages": [{"role": "user", "content": "one two three"}]}
COST = 3 * 1_000 + 5 * 2_000
"""Nano-units of one such chat: three words in, five pieces out."""

MANIFEST = """
gateway: {{database: "{database}", electricity: 0.30}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 8, watts: 400, queue: {{length: 16, wait: 5s}}}}
  gone: {{adapter: vllm, url: "http://127.0.0.1:9"}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 64, context: 4096}}
  "org/embedder:v1": {{backend: one/stand-in, price: {{input: 0.0375/1M}}}}
  unsold: {{backend: one/stand-in, price: {{output: 1.00/1M}}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions, limits: {{requests: 1000/m}}}}
  - routes: [POST /v1/embeddings]
    function: functions.embeddings
    models: {{stand-in: {{price: {{input: 0.50/1M}}}}, "org/embedder:v1": }}
  - {{routes: [GET /v1/models, "GET /v1/models/{{id:path}}"], function: functions.models}}
  - routes: [GET /v1/account, GET /v1/account/usage, GET /v1/account/requests, "GET /v1/account/requests/{{id}}"]
    function: functions.account
  - {{routes: [GET /admin/live, "POST /admin/live/{{id}}/stop"], function: functions.admin_live, access: admin}}
  - {{routes: [GET /admin/events], function: functions.admin_events, access: admin}}
  - {{routes: [POST /admin/session, DELETE /admin/session], function: functions.admin_session, access: admin}}
  - {{routes: [GET /admin/users, POST /admin/users], function: functions.admin_users, access: admin}}
  - {{routes: [GET /admin/overview], function: functions.admin_overview, access: admin}}
  - {{routes: [GET /admin/prices, POST /admin/prices/preview], function: functions.admin_models, access: admin}}
  - routes: ["GET /admin/users/{{id}}/usage", "GET /admin/users/{{id}}/statement"]
    function: functions.admin_statements
    access: admin
  - routes: [GET /admin/series, GET /admin/margins, POST /admin/figures/rebuild]
    function: functions.admin_figures
    access: admin
  - routes: [GET /admin/requests, GET /admin/requests/export, "GET /admin/requests/{{id}}"]
    function: functions.admin_requests
    access: admin
  - routes: [GET /admin/backends, POST /admin/backends/probe, "PATCH /admin/backends/{{name}}",
      "GET /admin/backends/{{name}}/events"]
    function: functions.admin_backends
    access: admin
  - routes:
      - GET /admin/ledger
      - POST /admin/ledger/topups
      - POST /admin/ledger/adjustments
      - POST /admin/ledger/refunds
      - GET /admin/ledger/audit
    function: functions.admin_ledger
    access: admin
  - routes: [GET /admin/endpoints, "POST /admin/endpoints/{{name}}/reload"]
    function: functions.admin_endpoints
    access: admin
  - {{routes: [GET /admin/audit-events], function: functions.admin_audit_events, access: admin}}
  - {{routes: [GET /broken], function: functions.there_is_none, access: open}}
"""


class Owner(Admin):
    """Asks at the admin API, and at /v1 in the name of callers."""

    async def move(self, what: str, body: Any, key: str, status: int = 200) -> Any:
        """Moves money under an Idempotency-Key; the answer with exact Decimals."""
        answer = await self.ask("POST", f"/admin/ledger/{what}", body, headers={"idempotency-key": key})
        assert answer.status_code == status, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    async def chat(self, key: str, **fields: Any) -> httpx.Response:
        """One chat in a caller's name."""
        return await self.running.post("/v1/chat/completions", key, {**CHAT, **fields})

    async def get(self, path: str, key: str, status: int = 200) -> Any:
        """A GET in a caller's name; the answer with exact Decimals."""
        answer = await self.running.client.get(path, headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == status, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    async def journalled(self, count: int) -> None:
        """Waits until so many requests are in the journal and ended: refusals do not wait for it."""
        for _ in range(200):
            if await Request.filter(state__in=["SETTLED", "VOID"]).count() >= count:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{await Request.all().count()} requests in the journal, {count} expected")
