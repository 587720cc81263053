"""A function's Quart app as the runtime drives it: the whole request is there already, so one turn answers it.

Quart's own connection starts two tasks for every request, one of which only waits for more of the body and for the
client to leave, and ends them again; that costs more than the rest of Quart. Contexts, hooks, error handlers and
responses are Quart's own here as there. What Quart makes for every request and hardly any function looks at (its
request, its session, its passes over hooks that nobody has set) is made here when somebody looks at it.
"""

import asyncio
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, cast

from quart import Quart, Request, signals
from quart.asgi import ASGIHTTPConnection, _handle_exception
from quart.ctx import RequestContext
from quart.globals import _cv_app, _cv_request
from quart.sessions import NullSession
from quart.typing import ResponseTypes
from quart.utils import encode_headers
from quart.wrappers.response import DataBody
from werkzeug.routing import Rule

WATCH_SECONDS = 0.1
"""An answer that is not out by then may take long: from then on we look whether the client is still there."""


class Turn(ASGIHTTPConnection):
    """One request, answered in the caller's own task; a client that leaves cancels the handler, as Quart does."""

    async def __call__(self, receive: Any, send: Any) -> None:
        """ASGI; raises what `send` raises."""
        app = cast(FunctionApp, self.app)
        self._send, self._body = send, (await receive()).get("body", b"")
        rule = app.plain_rule(self.scope["method"], self.scope["path"])
        watch = _Watch(receive)
        try:
            try:
                if rule is None:
                    response = await app.handle_request(self.request())
                else:
                    response = await app.answer(PlainContext(app, self, rule))
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

    def request(self) -> Request:
        """Quart's own."""
        found = self._create_request_from_scope(self._send)
        found.body.append(self._body)
        found.body.set_complete()
        return found

    async def _send_response(self, send: Any, response: ResponseTypes) -> None:
        """What is there whole goes out whole."""
        body = response.response
        if type(body) is not DataBody:
            await super()._send_response(send, response)
            return
        headers = encode_headers(response.headers)
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        data = body.data[body.begin : body.end]
        await send({"type": "http.response.body", "body": data, "more_body": False})


class PlainContext(RequestContext):
    """Quart's context of a request that is answered without hooks; whatever Quart keeps in it can be had of it."""

    def __init__(self, app: "FunctionApp", turn: Turn, rule: Rule) -> None:
        # Not RequestContext's own, which wants all of it made already.
        self.app, self.rule, self.scope = app, rule, turn.scope
        self._turn = turn
        self.flashes = None
        self.preserved = False
        self._cv_tokens = []
        self._after_request_functions = []

    @cached_property
    def request_websocket(self) -> Request:  # type: ignore[override]
        """The request."""
        found = self._turn.request()
        found.json_module = self.app.json
        found.url_rule, found.view_args = cast(Any, self.rule), {}
        return found

    @cached_property
    def url_adapter(self) -> Any:  # type: ignore[override]
        """For `url_for`."""
        return self.app.create_url_adapter(self.request_websocket)

    @cached_property
    def session(self) -> NullSession:  # type: ignore[override]
        """There are none without a secret key."""
        return NullSession()

    def copy(self) -> RequestContext:
        """For a task of a function's own."""
        return RequestContext(self.app, self.request, self.session)


def scope() -> Mapping[str, Any]:
    """The ASGI scope of the request that is answered."""
    context = _cv_request.get()
    return context.scope if isinstance(context, PlainContext) else cast(Mapping[str, Any], context.request.scope)


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


_SIGNALS = (
    signals.appcontext_pushed,
    signals.appcontext_popped,
    signals.appcontext_tearing_down,
    signals.request_started,
    signals.request_finished,
    signals.request_tearing_down,
)


class FunctionApp(Quart):
    """One endpoint's function."""

    asgi_http_class = Turn

    @cached_property
    def fixed(self) -> dict[tuple[str, str], Rule]:
        """Its rules without names, by method and path."""
        rules = [rule for rule in self.url_map.iter_rules() if not rule.arguments and not rule.websocket]
        return {(method, rule.rule): rule for rule in reversed(rules) for method in rule.methods or ()}

    def plain_rule(self, method: str, path: str) -> Rule | None:
        """Of a request that needs nothing of Quart but its view: the rule, else None. It is looked up, because the
        matcher of werkzeug leaves a circle of objects behind: all that hangs on the request would wait for the garbage
        collector."""
        rule = self.fixed.get((method, path))
        return None if rule is None or method == "OPTIONS" or self.secret_key or any(self._hooks()) else rule

    def _hooks(self) -> Iterator[Any]:
        for functions in (
            self.url_value_preprocessors,
            self.before_request_funcs,
            self.after_request_funcs,
            self.teardown_request_funcs,
        ):
            yield from functions.values()
        yield self.teardown_appcontext_funcs
        yield from (signal.receivers for signal in _SIGNALS)

    async def answer(self, context: PlainContext) -> ResponseTypes:
        """`handle_request` of a request that has a plain rule; raises what that does."""
        app_token, token = _cv_app.set(self.app_context()), _cv_request.set(context)
        try:
            try:
                try:
                    found: Any = await self.ensure_async(self.view_functions[context.rule.endpoint])()
                except Exception as error:  # noqa: BLE001 - the handlers decide
                    found = await self.handle_user_exception(error)
                response = await self.make_response(found)
                return await self.process_response(response, context) if context._after_request_functions else response
            except Exception as error:  # noqa: BLE001 - as Quart does
                return await self.handle_exception(error)
        finally:
            _cv_request.reset(token)
            _cv_app.reset(app_token)
