"""One streamed chat at the gateway's own /v1, as any caller would have it: for the control room's playground.

    async with chat("http://127.0.0.1:8000", key, {"model": …, "messages": […]}) as answer:
        async for said in answer:
            …
    answer.request_id

Raises what `infra.client` raises; an error event in the middle of a stream is an ApiError too.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from infra.client.door import CONNECT_SECONDS, ApiError, Unreachable

SILENCE_SECONDS = 90.0
"""The gateway speaks at least every few seconds while a stream waits."""


@dataclass(frozen=True, slots=True)
class Said:
    """One event of the stream; what it did not hold is empty."""

    text: str = ""
    reasoning: str = ""
    waiting: str = ""
    """Why nothing has come yet: "queued position=3 eta=12s"."""
    finish: str = ""
    usage: Mapping[str, Any] | None = None
    """With `cost`, an exact Decimal, at the very end."""


class Streaming:
    """An answer that is on its way."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.request_id = response.headers.get("x-request-id", "")
        self.limited = response.headers.get("x-aethergate-limited", "")
        self.ignored = response.headers.get("x-aethergate-ignored", "")

    async def __aiter__(self) -> AsyncIterator[Said]:
        async for line in self._response.aiter_lines():
            if line.startswith(":"):
                yield Said(waiting=line[1:].strip())
            elif line.startswith("data:") and (data := line[5:].strip()) != "[DONE]":
                yield self._read(data)

    def _read(self, data: str) -> Said:
        event = json.loads(data, parse_float=Decimal)
        if "error" in event:
            raise ApiError(self._response.status_code, event, self._response.headers)
        choice = (event.get("choices") or [{}])[0]
        delta = choice.get("delta") or {}
        return Said(
            text=delta.get("content") or "",
            reasoning=delta.get("reasoning_content") or delta.get("reasoning") or "",
            finish=choice.get("finish_reason") or "",
            usage=event.get("usage"),
        )


@contextlib.asynccontextmanager
async def chat(
    base_url: str, key: str, body: Mapping[str, Any], transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Streaming]:
    """Sends `body` as a stream with its usage; leaving the block early ends the request."""
    whole = {**body, "stream": True, "stream_options": {"include_usage": True}}
    url = base_url.rstrip("/")
    client = httpx.AsyncClient(
        base_url=url,
        headers={"authorization": f"Bearer {key}"},
        timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
        transport=transport,
        trust_env=False,
    )
    try:
        async with client, client.stream("POST", "/v1/chat/completions", json=whole) as response:
            if not response.is_success:
                raise _refused(response.status_code, await response.aread(), response.headers)
            yield Streaming(response)
    except httpx.TimeoutException:
        raise Unreachable(f"{url} said nothing for {SILENCE_SECONDS:.0f} s") from None
    except (httpx.HTTPError, OSError) as wrong:
        raise Unreachable(f"no gateway answers at {url}: {str(wrong).rstrip('.') or type(wrong).__name__}") from None


def _refused(status: int, content: bytes, headers: Mapping[str, str]) -> Exception:
    try:
        body = json.loads(content)
        return ApiError(status, body, headers)
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"what answers is no AetherGate (HTTP {status})")
