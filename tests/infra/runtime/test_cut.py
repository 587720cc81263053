"""A gateway that cuts what still runs: who got nothing pays nothing."""

import asyncio
from pathlib import Path
from typing import Any

from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, running

CHAT: dict[str, Any] = {"model": "stand-in", "messages": [{"role": "user", "content": "one two three"}]}
PATH = "/v1/chat/completions"


async def test_a_request_that_we_cut_before_its_first_token_costs_nothing(tmp_path: Path) -> None:
    async with StandIn() as backend, running(tmp_path, MANIFEST, backend=backend.url) as gate:
        backend.script(first_delay=5)
        key = await gate.key()
        asking = asyncio.ensure_future(gate.post(PATH, key, CHAT))
        while not gate.gateway.relays or not backend.running:
            await asyncio.sleep(0.02)
        await gate.gateway.cut()
        answer = await asking
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "shutting_down")
        await gate.settled()
        assert [(row.state, row.charged) for row in await gate.requests()] == [("VOID", 0)]
