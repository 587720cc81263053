"""`aethergate serve` as a process of its own, so that signals, drains and deaths are real."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from infra.client import AdminClient
from tests.standins.running import ADMIN_KEY, SECRETS

REPOSITORY = Path(__file__).parents[2]
MANIFEST = """
gateway: {{database: "{database}", drain: {drain}}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 8}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 64}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [POST /v1/embeddings], function: functions.embeddings}}
  - {{routes: [GET /health, GET /health/live, GET /health/ready], function: functions.health, access: open}}
  - {{routes: [GET /admin/users, POST /admin/users, "GET /admin/users/{{id}}"], function: functions.admin_users,
      access: admin}}
  - {{routes: [POST /admin/keys], function: functions.admin_keys, access: admin}}
  - {{routes: [POST /admin/session, DELETE /admin/session], function: functions.admin_session, access: admin}}
  - {{routes: [GET /admin/ledger/audit], function: functions.admin_ledger, access: admin}}
"""


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Looks every now and then; raises TimeoutError."""
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


@dataclass
class Served:
    """The process, its log so far, and where it answers."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What stderr had beside the log."""
    _read: asyncio.Task[None] | None = None
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where it answers, with several workers all of them."""
        return str(next(line["url"] for line in reversed(self.lines) if line["event"] == "serving"))

    async def read(self) -> None:
        """Collects stderr until it ends."""
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            try:
                self.lines.append(json.loads(raw))
            except ValueError:
                self.said.append(raw.decode().rstrip())
            self._more.set()

    async def event(self, words: str, count: int = 1, seconds: float = 30) -> list[dict[str, Any]]:
        """Waits until the log has told this so often."""
        async with asyncio.timeout(seconds):
            while len(found := [line for line in self.lines if words in line["event"]]) < count:
                self._more.clear()
                await self._more.wait()
        return found

    def signal(self, number: signal.Signals) -> None:
        """Sends one signal."""
        self.process.send_signal(number)

    async def ended(self, seconds: float = 30) -> int:
        """The exit code, once the process and its log are over."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            assert self._read is not None
            await self._read
        return code

    async def key(self, name: str = "ada") -> str:
        """A new user with 10.00 and a key of theirs."""
        async with AdminClient(self.url, token=ADMIN_KEY) as admin:
            await admin.add_user(name, "10.00")
            return str((await admin.add_key(name))["key"])

    def chat(self, key: str, stream: bool = True) -> Any:
        """A streamed chat, to be entered with `async with`."""
        http = httpx.AsyncClient(base_url=self.url, timeout=30)
        return _chat(http, key, stream)


@contextlib.asynccontextmanager
async def _chat(http: httpx.AsyncClient, key: str, stream: bool) -> AsyncIterator[httpx.Response]:
    body = {"model": "stand-in", "messages": [{"role": "user", "content": "one two"}], "stream": stream}
    headers = {"authorization": f"Bearer {key}"}
    async with http, http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        yield response


@contextlib.asynccontextmanager
async def served(
    folder: Path,
    backend: str,
    *words: str,
    database: str | None = None,
    drain: str = "20s",
    manifest: str = MANIFEST,
    environ: Mapping[str, str] | None = None,
    module: str = "admin_cli",
) -> AsyncIterator[Served]:
    """Starts `aethergate serve --port 0 …` and kills it at the end where it still runs; not yet serving. `module` has
    the command (see `hurried`)."""
    text = manifest.format(database=database or f"sqlite:///{folder}/aethergate.db", backend=backend, drain=drain)
    (folder / "gateway.yaml").write_text(text)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AETHERGATE")}
    secrets = {"SECRET_KEY": SECRETS.secret_key, "MASTER_API_KEY": SECRETS.master_api_key}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, "serve", "--port", "0", *words),
        cwd=folder,
        env={**kept, **secrets, "PYTHONPATH": str(REPOSITORY), **(environ or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    found = Served(process)
    found._read = asyncio.create_task(found.read())
    try:
        yield found
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await found._read
