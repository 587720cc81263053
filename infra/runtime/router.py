"""The ASGI app: finds the function, opens the Call, asks the guards, runs the function's app, closes the Call.

This file is the whole request pipeline; docs/design.md, The life of a request, tells it in words.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infra.errors import FunctionBroken, GatewayError
from infra.runtime import replies
from infra.runtime.call import Call
from infra.runtime.exchange import TAP
from infra.runtime.intake import ClientGone, Intake
from infra.runtime.record import CLIENT_LEFT
from infra.runtime.replays import Replay
from infra.runtime.table import Entrance
from infra.runtime.wire import ClientStalled, Wire, cors, parting, preflight
from infra.store.ids import new

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway

log = logging.getLogger("aethergate.router")


class Router:
    """The app that the server runs."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        headers = _headers(scope)
        intake = Intake(receive, headers, self._gateway.manifest.gateway.deadlines.body)
        try:
            if scope["method"] == "OPTIONS" and "access-control-request-method" in headers and cors(scope["path"]):
                await _bare(send, 204, b"", preflight(headers) | parting(self._gateway.draining))
                return
            entrance = self._gateway.table.find(scope["method"], scope["path"])
        except GatewayError as error:
            await _refuse(intake, send, error, cors(scope["path"]) | parting(self._gateway.draining))
            return
        call = Call(self._gateway, entrance.endpoint, scope, headers, intake)
        self._gateway.telemetry.flying += 1
        try:
            await self._run(call, entrance, scope, send)
        finally:
            self._gateway.telemetry.flying -= 1

    async def _run(self, call: Call, entrance: Entrance, scope: Mapping[str, Any], send: Any) -> None:
        replay = Replay(call)
        wire = Wire(call, send, replay if replay.wanted else None)
        try:
            await self._answer(call, entrance, scope, wire, replay)
        except GatewayError as error:
            await _drained(call.intake)
            await wire.fail(error)
        except (ClientGone, ClientStalled) as gone:
            log.info("request %s: %s", call.id, type(gone).__name__)
        except Exception:
            # A guard, or a function's app past its own error handler; what stalls inside it comes wrapped in a group.
            log.exception("request %s failed", call.id)
            await wire.fail(GatewayError("Something went wrong in the gateway; it was noted."))
        finally:
            status = wire.status if wire.complete else CLIENT_LEFT
            work = self._close(call, wire, replay, status)
            if call.at_rest and not replay.wanted:
                await work  # nothing in it waits, so nothing can cut it
            else:
                # Booking outlives this task: the server cancels it when the client goes.
                await asyncio.shield(self._gateway.spawn(work, name=f"close-{call.id}"))

    async def _answer(
        self, call: Call, entrance: Entrance, scope: Mapping[str, Any], wire: Wire, replay: Replay
    ) -> None:
        for guard in entrance.guards:
            await guard(call)
        if entrance.function.app is None:
            raise FunctionBroken(f"The function {call.endpoint.name} is broken; the owner can see why.", retry_after=30)
        stored = await replay.begin()
        if stored is not None:
            await wire.answer(stored.status, stored.body, {"idempotent-replayed": "true"})
            return
        if not replay.wanted:  # which must see every byte
            call.tap = scope.get("extensions", {}).get(TAP)
        app: Any = entrance.function.app
        await app({**scope, "aethergate.call": call}, call.intake.replay, wire.send)

    async def _close(self, call: Call, wire: Wire, replay: Replay, status: int) -> None:
        await call.close(status)
        await replay.end(wire.status, wire.kept, wire.complete)
        seconds = time.monotonic() - call.opened
        self._gateway.afterwards.do(self._gateway.telemetry.answered, call, status, seconds)


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """Lower-case names; values as latin-1 text, which any bytes are."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _drained(intake: Intake) -> None:
    try:
        await intake.drain()
    except ClientGone:
        return  # nobody is left to read the answer; sending it is harmless


async def _refuse(intake: Intake, send: Any, error: GatewayError, more: Mapping[str, str]) -> None:
    """An error where no function was found: there is no Call to answer for."""
    await _drained(intake)
    known = {"x-request-id": new("req"), "openai-processing-ms": "0"}
    await _bare(send, error.status, replies.encode(error.body()), {**known, **error.headers(), **more})


async def _bare(send: Any, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    if body:
        raw += [(b"content-type", replies.JSON.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _lifespan(receive: Any, send: Any) -> None:
    """The gateway is started and stopped by who made it (serve, CLI, tests), so there is nothing to do here."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
