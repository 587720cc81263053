"""A house full of believable traffic to look at: demo data, backends that answer slowly, a control room before it.

    async with demo_house(folder, users=200, requests=20_000) as house:
        house.room, house.url, ADMIN_KEY

Requests run and wait all the while, so that lights are lit and the live page has lines.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from infra.client import AdminClient, ApiError
from tests.standins.openai_backend import StandIn
from tests.ui.conftest import ROOT, free_port

ADMIN_KEY = "admin-key-of-the-demo-0123456789abcdef"
MODELS = ("llama3.3:70b", "qwen3:32b", "gemma3:12b", "mistral-small:24b", "nomic-embed-text")
HEAD = """
gateway: {{currency: USD, electricity: 0.30, database: "{database}"}}
backends:
  rtx4090: {{adapter: openai, url: "{one}", slots: 8, watts: 450, queue: {{length: 64, wait: 60s}}}}
  a6000: {{adapter: openai, url: "{two}", slots: 4, watts: 300, queue: {{length: 32, wait: 60s}}}}
  old-box: {{adapter: llamacpp, url: "http://127.0.0.1:9", slots: 2, watts: 250}}
models:
  "llama3.3:70b":
    {{backend: ["a6000/llama3.3:70b", "old-box/llama3.3:70b"], price: {{input: 0.70/1M, output: 1.10/1M}}}}
  "qwen3:32b": {{backend: "rtx4090/qwen3:32b", price: {{input: 0.35/1M, output: 0.80/1M}}, max_output: 8192}}
  "gemma3:12b": {{backend: "rtx4090/gemma3:12b", price: {{input: 0.12/1M, output: 0.30/1M}}, max_output: 4096}}
  "mistral-small:24b": {{backend: "a6000/mistral-small:24b", price: {{input: 0.20/1M, output: 0.45/1M}}}}
  nomic-embed-text: {{backend: rtx4090/nomic-embed-text, price: {{input: 0.02/1M}}}}
"""


@dataclass(frozen=True)
class DemoHouse:
    """Where it is to be looked at."""

    url: str
    """The gateway."""
    room: str
    """The control room."""
    file: Path
    """gateway.yaml."""
    gateway_pid: int
    others: frozenset[int]
    """The cores for browsers, where the gateway is apart."""

    def gateway_cpu(self) -> float:
        """Seconds of CPU that the gateway's process has taken, all its threads together, to the nanosecond."""
        return time.clock_gettime(~self.gateway_pid << 3 | 2)  # Linux's clock of another process (clock_getcpuclockid)


@contextlib.asynccontextmanager
async def demo_house(
    folder: Path, users: int, requests: int, busy: bool = True, apart: bool = False, database: str = ""
) -> AsyncIterator[DemoHouse]:
    """Fills a database under `folder`, or the one at the URL `database`, unless it did so before; serves it, and keeps
    its backends busy. `apart`: the gateway and this process have the first core, the control room the others."""
    port = free_port()
    async with StandIn(MODELS) as one, StandIn(MODELS) as two:
        for backend in (one, two):
            if busy:  # else they answer at once
                backend.script(pieces=900, delay=0.12, first_delay=0.3)
        shipped = (ROOT / "gateway.yaml").read_text(encoding="utf-8")
        database = database or f"sqlite:///{folder}/demo.db"
        head = HEAD.format(database=database, one=one.url, two=two.url)
        (folder / "gateway.yaml").write_text(head + shipped[shipped.index("\nendpoints:") :], encoding="utf-8")
        environ = {**os.environ, "SECRET_KEY": "s" * 40, "MASTER_API_KEY": ADMIN_KEY}
        environ.pop("DATABASE_URL", None)
        if not (filled := folder / "filled").exists():
            size = ["--users", str(users), "--requests", str(requests)]
            await asyncio.to_thread(_run, [*_AETHERGATE, "demo-data", *size], folder, environ)
            filled.touch()
        cores = os.sched_getaffinity(0)
        others = cores - {0} or cores if apart else set()
        if apart:
            os.sched_setaffinity(0, cores & {0} or cores)  # the gateway inherits it
        with _served([*_AETHERGATE, "serve", "--port", str(port)], folder, environ) as gateway:
            url = f"http://127.0.0.1:{port}"
            await _answers(f"{url}/health")
            own = free_port()
            more = {"NICEGUI_STORAGE_PATH": str(folder / "storage")}
            command = [*_AETHERGATE, "ui", "--port", str(own), "--api-url", url]
            with _served(command, folder, {**environ, **more}, others):
                await _answers(f"http://127.0.0.1:{own}/health")
                async with _traffic(url, busy):
                    yield DemoHouse(url, f"http://127.0.0.1:{own}", folder / "gateway.yaml", gateway, frozenset(others))


_AETHERGATE = [sys.executable, "-m", "admin_cli"]


def _run(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    more = {**environ, "PYTHONPATH": str(ROOT), "AETHERGATE_CONFIG": str(folder / "gateway.yaml")}
    subprocess.run(command, cwd=folder, env=more, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def _served(command: list[str], folder: Path, environ: dict[str, str], cores: Collection[int] = ()) -> Iterator[int]:
    """Its process id."""
    more = {**environ, "PYTHONPATH": str(ROOT), "AETHERGATE_CONFIG": str(folder / "gateway.yaml")}
    with (folder / f"{command[3]}.log").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=more, stdout=out, stderr=out)
    if cores:
        os.sched_setaffinity(process.pid, cores)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:  # streams that would still run for minutes
            process.kill()
            process.wait(5)


async def _answers(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(1_200):
            with contextlib.suppress(httpx.TransportError):
                await http.get(url)
                return
            await asyncio.sleep(0.1)
    raise TimeoutError(f"nobody answers at {url}")


@contextlib.asynccontextmanager
async def _traffic(url: str, busy: bool) -> AsyncIterator[None]:
    """A dozen streams of some users, begun anew when they end."""
    if not busy:
        yield
        return
    async with AdminClient(url, token=ADMIN_KEY) as admin, httpx.AsyncClient(trust_env=False, timeout=None) as http:
        asking = []
        for place, name in enumerate(("mira", "tobias", "studio-nord", "li.wei", "dr.okafor")):
            with contextlib.suppress(ApiError):  # there since the last time
                await admin.add_user(name, "25.00")
            key = str((await admin.add_key(name, name="laptop"))["key"])
            model = MODELS[place % 4]
            asking += [asyncio.create_task(_ask_on(http, url, key, model, place / 3 + turn)) for turn in range(3)]
        await asyncio.sleep(2)
        try:
            yield
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)


async def _ask_on(http: httpx.AsyncClient, url: str, key: str, model: str, wait: float) -> None:
    body = {
        "model": model,
        "stream": True,
        "max_tokens": 800,
        "messages": [{"role": "user", "content": "Tell me. " * 90}],
    }
    while True:
        await asyncio.sleep(1 + wait)  # who is refused asks no sooner
        with contextlib.suppress(httpx.HTTPError):
            await http.post(f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})
