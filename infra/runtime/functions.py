"""Loads the functions that gateway.yaml names, each into a Quart app of its own.

A function that cannot be loaded, or whose app does not start, is kept as broken with the reason: it answers 503 on its
own routes and touches nothing else (docs/design.md, A function).
"""

import importlib
import inspect
import logging
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from quart import Quart, Response

from infra.config.objects import Endpoint
from infra.errors import GatewayError
from infra.runtime import replies
from infra.runtime.turn import FunctionApp, scope

log = logging.getLogger("aethergate.functions")
Handle = Callable[[Any], Awaitable[Response]]


@dataclass(slots=True)
class Function:
    """One endpoint's function: its app, or why there is none."""

    endpoint: Endpoint
    app: Quart | None
    error: str | None = None

    async def start(self) -> None:
        """Runs the app's own start-up; a failing one breaks this function alone."""
        if self.app is None:
            return
        try:
            await self.app.startup()
        except Exception as error:
            log.exception("function %s did not start", self.endpoint.name)
            self.app, self.error = None, _sentence(error)

    async def stop(self) -> None:
        """Runs the app's own shut-down."""
        if self.app is None:
            return
        try:
            await self.app.shutdown()
        except Exception:
            log.exception("function %s did not stop cleanly", self.endpoint.name)


def load(endpoint: Endpoint) -> Function:
    """The function of an endpoint; never raises for what is wrong with it."""
    try:
        return Function(endpoint, _app(endpoint, _handle(endpoint.function)))
    except (Exception, SystemExit) as error:  # a module that calls sys.exit() must not take the gateway with it
        log.exception("function %s cannot be loaded", endpoint.function)
        _forget(endpoint.function)
        return Function(endpoint, None, _sentence(error))


async def load_anew(endpoint: Endpoint) -> Function:
    """The function as its files are now, started. Where that fails, what was imported before stays in its place: others
    look it up there."""
    before = _modules(endpoint.function)
    _forget(endpoint.function)
    importlib.invalidate_caches()
    found = load(endpoint)
    await found.start()
    if found.app is None:
        _forget(endpoint.function)
        sys.modules.update(before)
    return found


def _handle(dotted: str) -> Handle:
    module = importlib.import_module(f"{dotted}.handler")
    found = getattr(module, "handle", None)
    if found is None:
        raise TypeError(f"{dotted}.handler has no `handle`: it needs `async def handle(call: Call) -> Response`")
    if not inspect.iscoroutinefunction(found):
        raise TypeError(f"{dotted}.handler.handle is {type(found).__name__}, not an `async def`")
    if len(inspect.signature(found).parameters) != 1:
        raise TypeError(f"{dotted}.handler.handle must take one argument, the call")
    handle: Handle = found
    return handle


def _forget(dotted: str) -> None:
    """A broken function is imported anew at the next reload."""
    for name in _modules(dotted):
        del sys.modules[name]


def _modules(dotted: str) -> dict[str, ModuleType]:
    return {name: found for name, found in sys.modules.items() if name == dotted or name.startswith(dotted + ".")}


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _app(endpoint: Endpoint, handle: Handle) -> Quart:
    # Said here because Quart finds no root for a folder without __init__.py.
    app = FunctionApp(endpoint.function, static_folder=None, root_path=str(Path(inspect.getfile(handle)).parent))
    app.url_map.merge_slashes = False  # no redirects: a path is what was asked for, or it is not found
    # The runtime bounds the body and the relay its own time; Quart's defaults would cut both in the wrong place.
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)

    async def view(**params: str) -> Response:
        call = scope()["aethergate.call"]
        call.params = params
        try:
            found = await handle(call)
        except SystemExit as error:
            raise RuntimeError(f"{endpoint.function} wanted to exit") from error
        if not isinstance(found, Response):
            raise TypeError(f"{endpoint.function} returned {type(found).__name__}, not a Response")
        return found

    async def refused(error: GatewayError) -> Response:
        scope()["aethergate.call"].error = error
        return replies.refusal(error)

    async def unforeseen(error: Exception) -> Response:
        log.error("function %s failed", endpoint.name, exc_info=error)
        return await refused(GatewayError("Something went wrong in the gateway; it was noted."))

    for route in endpoint.routes:
        app.add_url_rule(quart_rule(route.path), f"{route.method} {route.path}", view, methods=[route.method])
    app.register_error_handler(GatewayError, refused)
    app.register_error_handler(Exception, unforeseen)
    return app


def quart_rule(path: str) -> str:
    """`/v1/models/{id:path}` as Quart writes it: `/v1/models/<path:id>`."""
    return re.sub(r"\{(\w+)(?::(\w+))?\}", lambda m: f"<{m[2]}:{m[1]}>" if m[2] else f"<{m[1]}>", path)
