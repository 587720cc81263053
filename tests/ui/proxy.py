"""A reverse proxy on a sub-path, as nginx with `proxy_pass http://room/;` and `X-Forwarded-Prefix` would be one."""

import asyncio
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web

DROPPED = ("host", "connection", "transfer-encoding", "content-encoding", "content-length", "upgrade", "keep-alive")


class Proxy:
    """Serves `prefix`/… from `target`; everything else is 404."""

    def __init__(self, target: str, prefix: str) -> None:
        self._target, self._prefix = target, prefix

    async def __aenter__(self) -> Self:
        # As nginx by default: a connection that is kept may be closed by the other side just when it is used again.
        self._session = ClientSession(connector=TCPConnector(force_close=True), auto_decompress=True)
        app = web.Application()
        app.router.add_route("*", self._prefix + "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}{self._prefix}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        url = self._target + request.raw_path.removeprefix(self._prefix)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
        headers |= {"x-forwarded-prefix": self._prefix, "x-forwarded-for": str(request.remote)}
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._pass_socket(request, url, headers)
        body = await request.read()
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            found = web.Response(status=answer.status, body=await answer.read())
            found.headers.extend(
                [(name, value) for name, value in answer.headers.items() if name.lower() not in DROPPED]
            )
            return found

    async def _pass_socket(self, request: web.Request, url: str, headers: dict[str, str]) -> web.StreamResponse:
        kept = {name: value for name, value in headers.items() if not name.lower().startswith("sec-websocket")}
        near = web.WebSocketResponse()
        await near.prepare(request)
        async with self._session.ws_connect(url, headers=kept) as far:
            pumps = [asyncio.create_task(_pump(near, far)), asyncio.create_task(_pump(far, near))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
        return near


async def _pump(source: Any, sink: web.WebSocketResponse | ClientWebSocketResponse) -> None:
    async for message in source:
        if message.type == WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await sink.send_bytes(message.data)
