"""A function's Quart app as the runtime drives it: the whole request is there already, so one turn answers it.

Quart's own connection starts two tasks for every request, one of which only waits for more of the body and for the
client to leave, and ends them again; that costs more than the rest of Quart. Contexts, hooks, error handlers and
responses are Quart's own here as there.
"""

import asyncio
from typing import Any

from quart import Quart
from quart.asgi import ASGIHTTPConnection, _handle_exception

WATCH_SECONDS = 0.02
"""An answer that is not out by then may take long: from then on we look whether the client is still there."""


class Turn(ASGIHTTPConnection):
    """One request, answered in the caller's own task; a client that leaves cancels the handler, as Quart does."""

    async def __call__(self, receive: Any, send: Any) -> None:
        """ASGI; raises what `send` raises."""
        request = self._create_request_from_scope(send)
        request.body.append((await receive()).get("body", b""))
        request.body.set_complete()
        watch = _Watch(receive)
        try:
            try:
                response = await self.app.handle_request(request)
            except Exception as error:  # noqa: BLE001 - what Quart does: its handlers decide what becomes of it
                response = await _handle_exception(self.app, error)
            # No time-out of Quart's: the runtime bounds each write, and the relay its own time.
            await self._send_response(send, response)
        except asyncio.CancelledError:
            if not watch.left:
                raise
            watch.task.uncancel()  # the client has gone, nobody wants to end this task
        finally:
            watch.stop()


class _Watch:
    """Looks whether the client leaves, once a request takes longer; then `task` is cancelled."""

    def __init__(self, receive: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task: asyncio.Task[Any] = task
        self.left = False
        self._receive = receive
        self._looking: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._begin)

    def _begin(self) -> None:
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self.left = True
        self.task.cancel()

    def stop(self) -> None:
        """The request is over."""
        self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()


class FunctionApp(Quart):
    """One endpoint's function."""

    asgi_http_class = Turn
