"""A function's app answers without what Quart makes for every request, and with all of it where somebody looks."""

from collections.abc import Callable
from typing import Any

import pytest
from quart import Response, after_this_request, current_app, g, has_request_context, request, session, signals

from infra.runtime.turn import FunctionApp, PlainContext, scope

LETTER = b'{"a": 1}'


@pytest.fixture
def app() -> FunctionApp:
    found = FunctionApp(__name__, static_folder=None)
    found.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)
    return found


def serve(app: FunctionApp, view: Callable[..., Any], path: str = "/here") -> None:
    app.add_url_rule(path, "view", view, methods=["POST"])


async def ask(app: FunctionApp, path: str = "/here") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": LETTER, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asked: Any = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"b=2",
        "root_path": "",
        "headers": [(b"host", b"test"), (b"content-type", b"application/json"), (b"x-mine", b"yes")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(asked, receive, send)
    return sent


async def test_an_answer_that_is_there_whole_is_two_messages_and_makes_no_request(app: FunctionApp) -> None:
    made: list[str] = []
    app.request_class = lambda *_, **__: made.append("a request")  # type: ignore[assignment]

    async def view() -> Response:
        assert scope()["path"] == "/here"
        return Response(b"hello", 201, {"x-a": "b"})

    serve(app, view)
    head, body = await ask(app)
    assert (head["status"], made) == (201, [])
    assert (b"content-length", b"5") in head["headers"] and (b"x-a", b"b") in head["headers"]
    assert (body["body"], body["more_body"]) == (b"hello", False)


async def test_whatever_a_function_asks_quart_for_is_there(app: FunctionApp) -> None:
    async def view() -> Response:
        g.mine = 7
        assert current_app.name == __name__ and not session
        assert (request.args["b"], request.headers["X-Mine"], request.url_rule.rule) == ("2", "yes", "/here")
        assert await request.get_json() == {"a": 1}
        after_this_request(lambda response: Response(b"after", response.status_code))
        return Response(str(g.mine).encode())

    serve(app, view)
    head, body = await ask(app)
    assert (head["status"], body["body"]) == (200, b"after")
    assert not has_request_context()


async def test_error_handlers_answer(app: FunctionApp) -> None:
    async def view() -> Response:
        raise LookupError("lost")

    async def lost(error: LookupError) -> Response:
        return Response(f"{error} at {scope()['path']}", 404)

    serve(app, view)
    app.register_error_handler(LookupError, lost)
    head, body = await ask(app)
    assert (head["status"], body["body"]) == (404, b"lost at /here")


async def test_what_no_handler_takes_is_a_500(app: FunctionApp) -> None:
    async def view() -> Response:
        raise LookupError("lost")

    serve(app, view)
    assert (await ask(app))[0]["status"] == 500


@pytest.mark.parametrize("hook", ["before", "after", "teardown", "signal"])
async def test_with_a_hook_quart_goes_its_whole_way(app: FunctionApp, hook: str) -> None:
    heard: list[str] = []

    async def view() -> Response:
        from quart.globals import _cv_request

        heard.append("plain" if isinstance(_cv_request.get(), PlainContext) else "whole")
        return Response(b"")

    async def note(*_: Any, **__: Any) -> Any:
        heard.append(hook)
        return _[0] if hook == "after" else None

    serve(app, view)
    if hook == "signal":
        signals.request_started.connect(note, app)
    else:
        {"before": app.before_request, "after": app.after_request, "teardown": app.teardown_request}[hook](note)
    assert (await ask(app))[0]["status"] == 200
    assert sorted(heard) == sorted([hook, "whole"])


async def test_names_in_a_path_are_quarts_to_find(app: FunctionApp) -> None:
    async def view(name: str) -> Response:
        return Response(name)

    serve(app, view, "/here/<name>")
    assert (await ask(app, "/here/ann"))[1]["body"] == b"ann"
