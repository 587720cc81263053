"""Sends one request to the gateway and reads its answer, or says in a sentence why there is none.

    ClientError          anything that keeps an answer from us
    ├── Unreachable      nobody answers there, or what answers is no gateway
    └── ApiError         the gateway refused; status, code and the OpenAI error body

Numbers keep every digit: JSON numbers with a point are read as Decimal, amounts are sent as text.
"""

import contextlib
import functools
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
"""An audit of a large ledger takes its time."""
SILENCE_SECONDS = 30.0
"""A stream of events says something every ten seconds at least."""

Answer = dict[str, Any]
Amount = str | Decimal | int
"""An amount of money; never a float."""


class Event(NamedTuple):
    """Something that happened in the house (API_REFERENCE.md, Admin API)."""

    kind: str
    data: Answer


class ClientError(Exception):
    """No answer; str() is a sentence for a person."""


class Unreachable(ClientError):
    """Nobody answers at the address, or what answers is no gateway."""


class ApiError(ClientError):
    """The gateway answered with an error (API_REFERENCE.md, Errors)."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        error = body["error"]
        super().__init__(str(error["message"]))
        self.status = status
        self.body = dict(body)
        """The whole OpenAI envelope."""
        self.message = str(error["message"])
        self.type: str | None = error.get("type")
        self.param: str | None = error.get("param")
        self.code: str | None = error.get("code")
        self.request_id = headers.get("x-request-id")
        after = headers.get("retry-after", "")
        self.retry_after: int | None = int(after) if after.isdecimal() else None
        """Seconds."""


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Whom TLS trusts; reading them takes some 20 ms, so it is done once for all clients."""
    return httpx.create_ssl_context(trust_env=False)


class Door:
    """One gateway, by its address or by a transport into it."""

    def __init__(self, base_url: str, token: str, transport: httpx.AsyncBaseTransport | None) -> None:
        self._url = base_url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self._url,
            # Bytes, since a person may type anything into a sign-in form.
            headers={b"x-admin-key": token.strip().encode()},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            transport=transport,
            verify=_authorities(),
            trust_env=False,  # the admin key goes to the gateway, never through a proxy that happens to be set
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        nulls: bool = False,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """The answer's JSON object, waited for so many seconds. Raises ApiError, Unreachable.

        What is None in the query is left out; in the body too, unless `nulls`: there null lifts what was set.
        """
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        if body is not None:
            headers["content-type"] = "application/json"
        with self._told("did not answer in time"):
            response = await self._http.request(
                method,
                path,
                params=_said(query),
                content=_encoded(body, nulls),
                headers=headers,
                timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
            )
        return self._read(response)

    async def listen(self, path: str, *, query: Mapping[str, Any] | None = None) -> AsyncIterator[Event]:
        """The events of a stream until it ends; raises ApiError, Unreachable. A stream that ends is opened again by
        whoever wants more: nothing is repeated."""
        async with self.stream("GET", path, query=query) as response:
            async for event in _events(response.aiter_lines()):
                yield event

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """An answer to read piece by piece; raises ApiError, and Unreachable where it breaks off or falls silent."""
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        with self._told("has fallen silent"):
            async with self._http.stream(method, path, params=_said(query), timeout=timeout) as response:
                if not response.is_success:
                    await response.aread()
                    self._read(response)
                yield response

    @contextlib.contextmanager
    def _told(self, silent: str) -> Iterator[None]:
        """Failures of the connection, in a sentence."""
        if self._http.is_closed:
            raise Unreachable(f"the connection to {self._url} was closed here")
        try:
            yield
        except httpx.TimeoutException:
            raise Unreachable(f"{self._url} {silent}") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as wrong:
            raise Unreachable(f"no gateway answers at {self._url}: {_reason(wrong)}") from None

    def _read(self, response: httpx.Response) -> Answer:
        try:
            found = json.loads(response.content, parse_float=Decimal)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unreachable(f"what answers at {self._url} is no AetherGate (HTTP {response.status_code})")
        if response.is_success:
            return found
        error = found.get("error")
        if not isinstance(error, dict) or "message" not in error:
            raise Unreachable(f"what answers at {self._url} is no AetherGate (HTTP {response.status_code})")
        raise ApiError(response.status_code, found, response.headers)


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Server-sent events from their lines; comments are heartbeats."""
    kind, data = "message", ""
    async for line in lines:
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            data += line[6:]
        elif not line and data:
            yield Event(kind, json.loads(data, parse_float=Decimal))
            kind, data = "message", ""


class Verbs:
    """What has a door to ask at."""

    def __init__(self, door: Door) -> None:
        self._door = door


def once() -> str:
    """A fresh Idempotency-Key."""
    return f"client-{secrets.token_urlsafe(18)}"


def segment(text: str) -> str:
    """One part of a path; a dot too is escaped, since `..` would climb."""
    return quote(text, safe="").replace(".", "%2E")


def _said(fields: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (fields or {}).items() if value is not None}


def _encoded(body: Mapping[str, Any] | None, nulls: bool = False) -> bytes | None:
    """A Decimal travels as text, which the API reads exactly; a float is refused here, since it is exact by luck.

    Raises UnicodeEncodeError for half a character (a lone surrogate), which no JSON can carry.
    """
    return None if body is None else json.dumps(_exact(body if nulls else _said(body)), ensure_ascii=False).encode()


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float: write amounts as text or Decimal")
    if isinstance(value, Mapping):
        return {name: _exact(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    return f"{value:f}" if isinstance(value, Decimal) else value


def _reason(wrong: Exception) -> str:
    return str(wrong).strip().rstrip(".") or type(wrong).__name__
