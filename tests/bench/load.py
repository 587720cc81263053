"""The load: `python -m tests.bench.load '{"url": …}'` prints what it measured as one line of JSON.

A generator on bare protocols, so that it is not what is measured. Seconds everywhere.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field

import msgspec
import uvloop

GIVE_UP_SECONDS = 45.0


class Order(msgspec.Struct):
    """What to do: `plain` keeps `connections` busy for `seconds`; `burst` the same with streams; `timed` starts one
    stream on each connection, spread over `spread` seconds, and waits for all of them."""

    port: int
    kind: str
    connections: int
    seconds: float = 2.0
    tokens: int = 64
    spread: float = 2.0
    late_after: float = 0.0
    model: str = "stand-in"
    key: str = "none"


class Told(msgspec.Struct):
    """What is reported: percentiles of the latencies of plain answers, of streams also of the time to the first token;
    `late`: streams that took longer than `late_after`."""

    elapsed: float
    answers: int
    chunks: int
    errors: int
    spent: dict[str, float]
    first: dict[str, float]
    late: int
    sample: str


@dataclass
class Found:
    """What is gathered on the way."""

    elapsed: float = 0.0
    answers: int = 0
    chunks: int = 0
    errors: int = 0
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    sample: str = ""


def request(order: Order) -> bytes:
    """The bytes of one request."""
    body = {
        "model": order.model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant. Answer briefly and to the point."},
            {"role": "user", "content": f"bench {order.kind} {order.tokens}"},
        ],
        "max_tokens": 512,
    }
    if order.kind != "plain":
        body["stream"] = True
    data = msgspec.json.encode(body)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{order.port}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {order.key}\r\naccept: */*\r\nuser-agent: bench\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


class Client(asyncio.Protocol):
    """One connection, one request after the other until `until`, then `done` is set."""

    transport: asyncio.Transport

    def __init__(self, order: Order, found: Found, until: float) -> None:
        self._request, self._stream, self._found, self._until = request(order), order.kind != "plain", found, until
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._got, self._count, self._carry = b"", 0, b""
        self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._found.errors += 1
            self.done.set_result(None)

    def begin(self) -> None:
        """Sends the next one."""
        self._got, self._count, self._carry, self._first = b"", 0, b"", 0.0
        self._sent = time.perf_counter()
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._stream:
            self._piece(data)
        else:
            self._got = self._got + data if self._got else data
            if _whole(self._got):
                self._ended(self._got)

    def _piece(self, data: bytes) -> None:
        text = self._carry + data
        new = text.count(b"data: ")
        if new and not self._count:
            self._first = time.perf_counter()
        self._count += new
        self._carry = text[-5:]
        if text.endswith(b"0\r\n\r\n") or (not self._count and _whole(text)):
            self._ended(text)

    def _ended(self, last: bytes) -> None:
        now, found = time.perf_counter(), self._found
        if self._stream:
            good = self._count > 1
            found.chunks += self._count
            found.firsts.append(self._first - self._sent)
            found.durations.append(now - self._sent)
        else:
            good = last.startswith(b"HTTP/1.1 200")
            found.latencies.append(now - self._sent)
        found.answers += good
        found.errors += not good
        if not good and not found.sample:
            found.sample = last[-400:].decode("utf-8", "replace")
        if now < self._until:
            self.begin()
        else:
            self.done.set_result(None)
            self.transport.close()


def _whole(got: bytes) -> bool:
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = got[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        return got.endswith(b"0\r\n\r\n")
    return len(got) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])


async def run(order: Order) -> Found:
    """Carries out an order; whatever has not ended after 45 s counts as an error."""
    loop, found = asyncio.get_running_loop(), Found()
    until = time.perf_counter() + order.seconds if order.kind != "timed" else 0.0
    clients: list[Client] = []

    async def connect(after: float) -> Client:
        await asyncio.sleep(after)
        _, client = await loop.create_connection(lambda: Client(order, found, until), "127.0.0.1", order.port)
        clients.append(client)
        return client

    async def stream(number: int) -> None:
        """Connects when its time has come, as a caller does."""
        client = await connect(order.spread * number / order.connections)
        client.begin()
        await client.done

    if order.kind == "timed":
        began = time.perf_counter()
        work = [asyncio.create_task(stream(number)) for number in range(order.connections)]
    else:
        for _ in range(order.connections):
            await connect(0)
        began = time.perf_counter()
        for client in clients:
            client._until = began + order.seconds
            client.begin()
        work = [asyncio.ensure_future(client.done) for client in clients]
    _, pending = await asyncio.wait(work, timeout=order.seconds + GIVE_UP_SECONDS)
    found.elapsed = time.perf_counter() - began
    found.errors += len(pending)
    for client in clients:
        client.transport.abort()
    return found


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95, p99 and the largest."""
    ordered = sorted(values) or [0.0]
    found = {f"p{share}": ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)}
    return {**found, "most": ordered[-1]}


def told(order: Order, found: Found) -> Told:
    """The report of a run."""
    late = sum(each > order.late_after for each in found.durations) if order.late_after else 0
    spent, first = percentiles(found.latencies or found.durations), percentiles(found.firsts)
    return Told(found.elapsed, found.answers, found.chunks, found.errors, spent, first, late, found.sample)


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.argv[1], type=Order)
    print(msgspec.json.encode(told(asked, uvloop.run(run(asked)))).decode())
