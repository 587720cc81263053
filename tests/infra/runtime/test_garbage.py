"""What a request leaves behind when it is over: nothing that only the garbage collector would find."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from quart import Request

from infra.runtime.call import Call
from infra.runtime.relay import Relay
from infra.runtime.sending import Sending
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

CHAT = {"model": "stand-in", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Running]:
    async with StandIn() as backend, running(tmp_path, MANIFEST, None, backend=backend.url) as found:
        yield found


def there() -> Counter[str]:
    """How many there are of what a request is made of."""
    return Counter(type(one).__name__ for one in gc.get_objects() if type(one) in (Call, Relay, Sending, Request))


@pytest.mark.parametrize("stream", [False, True])
async def test_what_belonged_to_a_request_goes_with_it(gate: Running, stream: bool) -> None:
    ask: dict[str, Any] = {"json": CHAT | {"stream": stream}}
    ask["headers"] = {"authorization": f"Bearer {await gate.key()}"}
    assert (await gate.client.post("/v1/chat/completions", **ask)).status_code == 200
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            assert (await gate.client.post("/v1/chat/completions", **ask)).status_code == 200
        await asyncio.sleep(0.05)
        left = there()  # a connection to a backend keeps the context that it was opened in
        gc.collect()
    finally:
        gc.enable()
    assert left == there()
