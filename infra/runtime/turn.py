"""A function's Quart app as the runtime drives it: the whole request is there already, so one turn answers it.

Quart's own connection starts two tasks for every request, one of which only waits for more of the body and for the
client to leave, and ends them again; that costs more than the rest of Quart. Contexts, hooks, error handlers and
responses are Quart's own here as there.
"""

import asyncio
from functools import cached_property
from typing import Any, cast

from quart import Quart
from quart.asgi import ASGIHTTPConnection, _handle_exception
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.routing import MapAdapter, Rule

WATCH_SECONDS = 0.1
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


class _Way:
    """In the place of werkzeug's MapAdapter: a path without names in it is found by a look-up, and anything else by
    the adapter that Quart would have made. Its matcher leaves a circle of objects behind, so that all that hangs on a
    request would wait for the garbage collector."""

    def __init__(self, app: "FunctionApp", request: BaseRequestWebsocket) -> None:
        self._app, self._request = app, request

    def match(self, *, return_rule: bool) -> Any:
        """The rule and the names in the path, which is what Quart asks for."""
        rule = self._app.fixed.get((self._request.method, self._request.path))
        return self._adapter.match(return_rule=return_rule) if rule is None else (rule, {})

    @cached_property
    def _adapter(self) -> Any:
        return Quart.create_url_adapter(self._app, self._request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


class FunctionApp(Quart):
    """One endpoint's function."""

    asgi_http_class = Turn

    @cached_property
    def fixed(self) -> dict[tuple[str, str], Rule]:
        """Its rules without names, by method and path."""
        rules = [rule for rule in self.url_map.iter_rules() if not rule.arguments and not rule.websocket]
        return {(method, rule.rule): rule for rule in reversed(rules) for method in rule.methods or ()}

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """See Quart."""
        return super().create_url_adapter(None) if request is None else cast(MapAdapter, _Way(self, request))
