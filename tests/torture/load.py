"""Clients that do not stop for a dead gateway, and what each of them really saw."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.client import AdminClient
from tests.standins.running import ADMIN_KEY
from tests.torture.cluster import Cluster

PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "stand-in", "messages": [{"role": "user", "content": "one two three"}]}


@dataclass
class Load:
    """`width` clients at once until `stop`; `whole` holds what was seen finished: pieces by request id."""

    cluster: Cluster
    key: str
    width: int = 50
    whole: dict[str, int] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _stopping: bool = False

    def start(self) -> None:
        """Begins."""
        self._tasks = [asyncio.create_task(self._client()) for _ in range(self.width)]

    async def stop(self) -> None:
        """Lets each client finish what it does."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _client(self) -> None:
        async with httpx.AsyncClient(timeout=30) as http:
            while not self._stopping:
                urls = self.cluster.urls()
                if not urls:
                    await asyncio.sleep(0.05)
                    continue
                self.ends[await self.one(http, self.cluster.random.choice(urls))] += 1

    async def one(self, http: httpx.AsyncClient, url: str) -> str:
        """One request, streamed or not, whole or left in the middle; how it ended."""
        random = self.cluster.random
        body = {**CHAT, "stream": random.random() < 0.7, "max_tokens": random.randint(1, 20)}
        leave_after = random.randint(0, 6) if random.random() < 0.2 else None
        headers = {"authorization": f"Bearer {self.key}"}
        try:
            async with http.stream("POST", url + PATH, json=body, headers=headers) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    return str(answer.status_code)
                if not body["stream"]:
                    usage = json.loads(await answer.aread())["usage"]
                    self.whole[answer.headers["x-request-id"]] = usage["completion_tokens"]
                    return "whole"
                return await self._read(answer, leave_after)
        except httpx.HTTPError as error:
            await asyncio.sleep(0.05)
            return type(error).__name__

    async def _read(self, answer: httpx.Response, leave_after: int | None) -> str:
        pieces = 0
        async for line in answer.aiter_lines():
            if line == "data: [DONE]":
                self.whole[answer.headers["x-request-id"]] = pieces
                return "whole"
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                if "error" in event:
                    return "error event"
                pieces += bool(event["choices"] and event["choices"][0]["delta"].get("content"))
            if leave_after is not None and pieces >= leave_after:
                return "left"
        return "cut"


async def new_key(cluster: Cluster, name: str = "ada", balance: str = "1000") -> str:
    """A user with money and a key."""
    async with AdminClient(cluster.urls()[0], token=ADMIN_KEY) as admin:
        await admin.add_user(name, balance)
        return str((await admin.add_key(name))["key"])


async def compare(cluster: Cluster, load: Load) -> None:
    """The journal against what clients and backend saw."""
    await cluster.proved()
    rows, emitted = await cluster.rows(), {}
    for seen in cluster.backend.seen:
        emitted[seen.headers["x-request-id"]] = seen
    for id, pieces in load.whole.items():
        row = rows[id]
        assert row["state"] == "SETTLED", f"a client saw {id} finish: {row}"
        assert row["charged"] == 3 * 1_000 + pieces * 2_000, f"{pieces} pieces: {row}"
    for id, row in rows.items():
        # Who left before the first token pays the prompt, even where the backend had not read it yet.
        if row["charged"] and (row["status"] != 499 or row["output_tokens"]):
            assert id in emitted, f"charged and never sent: {row}"
            assert row["output_tokens"] <= emitted[id].pieces, f"emitted {emitted[id].pieces}: {row}"
