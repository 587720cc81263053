"""The backend's tokenizer, asked for one request."""

import asyncio
from typing import Any

from infra.backends.adapters.base import Adapter
from infra.errors import GatewayError
from infra.metering.ask import Ask

COUNT_SECONDS = 2.0
"""A tokenizer gets this long; a bill does not wait for it longer."""


class RequestCounter:
    """See `infra.metering.meter.Counter`."""

    def __init__(self, adapter: Adapter, ask: Ask, upstream: str) -> None:
        self._adapter, self._ask, self._upstream = adapter, ask, upstream

    async def text(self, text: str) -> int | None:
        """Tokens of a text."""
        return await _soon(self._adapter.count_text(self._upstream, text))

    async def prompt(self) -> int | None:
        """Tokens of the request's prompts."""
        return await _soon(self._adapter.count_prompt(self._ask.task, self._ask.body, self._upstream))


async def _soon(count: Any) -> int | None:
    try:
        async with asyncio.timeout(COUNT_SECONDS):
            found: int | None = await count
            return found
    except (TimeoutError, GatewayError):
        return None
