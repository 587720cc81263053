"""Many clients at once that cost next to nothing themselves: bare sockets, opened before the first byte is sent."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.torture.load import PATH


@dataclass(frozen=True)
class Answer:
    """What one client saw; seconds from its first byte sent to the last one received."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def processing_ms(self) -> int:
        """From the request's head to the answer's, in the gateway."""
        return int(self.headers["openai-processing-ms"])


class Client:
    """One connection for one request."""

    def __init__(self, url: str, key: str, body: dict[str, Any]) -> None:
        self._place = urlsplit(url)
        text = json.dumps(body).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
        )
        self._request = head.encode() + text

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._place.hostname, self._place.port)

    async def ask(self) -> Answer:
        """Sends and reads to the end."""
        began = time.monotonic()
        self._writer.write(self._request)
        try:
            whole = await self._reader.read(-1)
        finally:
            self._writer.close()
        seconds = time.monotonic() - began
        head, _, body = whole.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(int(first.split(" ")[1]), headers, body, seconds)


async def at_once(urls: Sequence[str], keys: Sequence[str], count: int, body: dict[str, Any]) -> list[Answer]:
    """So many clients in the same moment, over all gateways and keys."""
    clients = [Client(urls[number % len(urls)], keys[number % len(keys)], body) for number in range(count)]
    for client in clients:
        await client.open()
    return list(await asyncio.gather(*(client.ask() for client in clients)))


async def one(url: str, key: str, body: dict[str, Any]) -> Answer:
    """A client alone."""
    client = Client(url, key, body)
    await client.open()
    return await client.ask()
