"""The OpenAPI document says of every route what is so: tried on a real gateway with every shipped endpoint."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from infra.openapi import declared
from infra.runtime.call import Call
from infra.runtime.query import Query
from tests.functions.trade.owner import Owner
from tests.functions.walk import walk
from tests.functions.whole import MANIFEST, Whole
from tests.standins.openai_backend import StandIn
from tests.standins.running import running

PATH = "/admin/openapi.json"
STREAMS = {"GET /admin/events"}
OTHER_BODIES = {"POST /v1/chat/completions", "POST /v1/completions", "POST /v1/embeddings"}
"""Bodies that are OpenAI's: read field by field, the rest is the backend's."""


@pytest.fixture
async def whole(tmp_path: Path, database: str) -> AsyncIterator[Whole]:
    async with StandIn() as backend, running(tmp_path, MANIFEST, database, backend=backend.url) as found:
        house = Whole(Owner(found), backend)
        await house.fill()
        yield house


def described(document: dict[str, Any], route: str) -> dict[str, Any]:
    """What the document has of a route of gateway.yaml."""
    method, path = route.split(" ")
    found: dict[str, Any] = document["paths"][path.replace(":path}", "}")][method.lower()]
    return found


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The same with no field beyond those that are named: the document itself lets readers take new ones."""

    def walked(value: Any) -> Any:
        if isinstance(value, list):
            return [walked(each) for each in value]
        if not isinstance(value, dict):
            return value
        more = {"additionalProperties": False} if isinstance(value.get("properties"), dict) else {}
        return {**more, **{name: walked(each) for name, each in value.items()}}

    found: dict[str, Any] = walked(document)
    return found


def check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Raises jsonschema.ValidationError."""
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


async def test_the_document_is_valid_and_has_every_route_with_what_its_function_declares(whole: Whole) -> None:
    document = (await whole.ask("GET", PATH)).json()
    OpenAPIV31SpecValidator(document).validate()
    endpoints = [function.endpoint for function in whole.owner.gateway.functions]
    routes = {f"{route.method} {route.path}" for endpoint in endpoints for route in endpoint.routes}
    found = {f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each}
    assert found == {route.replace(":path}", "}") for route in routes}
    said = {route for endpoint in endpoints for route in declared.operations(endpoint.function)}
    assert said == routes, "each function declares its routes, and no others"
    assert all(described(document, route)["summary"] for route in routes)


async def test_every_answer_is_as_the_document_says(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    document = strict((await whole.ask("GET", PATH)).json())
    asked: dict[str, set[str]] = defaultdict(set)
    bodies: dict[str, Any] = {}
    _record(monkeypatch, asked, bodies)
    met = set(STREAMS)
    wrong = []
    for number, (route, path, body) in enumerate(walk(whole)):
        met.add(route)
        answer = await whole.ask(
            path=path, method=route.split(" ")[0], body=body, once=f"walk-{number}" if body else ""
        )
        said = described(document, route)
        response = said["responses"].get(str(answer.status_code))
        if not answer.is_success or response is None:
            wrong.append(f"{route}: {answer.status_code} {answer.text[:200]}")
            continue
        if answer.headers["content-type"].startswith("application/json"):
            try:
                check(document, response["content"]["application/json"]["schema"], answer.json())
            except jsonschema.ValidationError as error:
                wrong.append(f"{route}: {error.json_path} {error.message[:300]}")
        else:
            assert answer.headers["content-type"].partition(";")[0] in response["content"], route
    assert not wrong, "\n".join(wrong)
    met |= await _stopped(whole, document)
    assert {f"{m.upper()} {p}" for p, each in document["paths"].items() for m in each} == {
        route.replace(":path}", "}") for route in met
    }, "every route is walked"
    _compare(document, asked, bodies, met)


async def _stopped(whole: Whole, document: dict[str, Any]) -> set[str]:
    """A running request is listed and stopped."""
    whole.backend.script(pieces=3, hang_after=2)
    key = (await whole.owner.done("POST", "/admin/keys", {"username": "ada"}, 201))["key"]
    running = asyncio.create_task(whole.owner.chat(key, stream=True))
    for _ in range(200):
        board = (await whole.ask("GET", "/admin/live")).json()
        if board["data"]:
            break
        await asyncio.sleep(0.02)
    check(document, _answer_of(document, "GET /admin/live"), board)
    stop = "POST /admin/live/{id}/stop"
    answer = await whole.ask("POST", f"/admin/live/{board['data'][0]['id']}/stop", {"reason": "over"})
    check(document, _answer_of(document, stop), answer.json())
    await running
    return {stop}


def _answer_of(document: dict[str, Any], route: str) -> dict[str, Any]:
    found: dict[str, Any] = described(document, route)["responses"]["200"]["content"]["application/json"]["schema"]
    return found


def _record(monkeypatch: pytest.MonkeyPatch, asked: dict[str, set[str]], bodies: dict[str, Any]) -> None:
    """Which fields of a query and which body the code really reads, by route."""

    def route(call: Call) -> str:
        return next(
            f"{each.method} {each.path}"
            for each in call.endpoint.routes
            if each.method == call.method and re.fullmatch(_pattern(each.path), call.path)
        )

    real_query, real_read = Query.__init__, Call.read

    def query(self: Query, call: Call, *known: str) -> None:
        asked[route(call)] |= set(known)
        real_query(self, call, *known)

    async def read(self: Call, shape: Any) -> Any:
        bodies[route(self)] = shape
        return await real_read(self, shape)

    monkeypatch.setattr(Query, "__init__", query)
    monkeypatch.setattr(Call, "read", read)


def _pattern(path: str) -> str:
    return re.sub(r"\\\{\w+(:path)?\\\}", lambda m: ".+" if m[1] else "[^/]+", re.escape(path))


def _compare(document: dict[str, Any], asked: dict[str, set[str]], bodies: dict[str, Any], met: set[str]) -> None:
    wrong = []
    for route in sorted(met - STREAMS):
        said = described(document, route)
        names = {each["name"] for each in said["parameters"] if each["in"] == "query"}
        if names != asked.get(route, set()):
            wrong.append(f"{route}: the query is said to have {names}, the code takes {asked.get(route)}")
        if route in OTHER_BODIES:
            continue
        schema = bodies.get(route) and msgspec.json.schema_components([bodies[route]])[1]
        body = said.get("requestBody")
        fields = _fields(document, body) if body else None
        if (schema is None) != (fields is None):
            wrong.append(f"{route}: the body is said to be {fields}, the code reads {bodies.get(route)}")
        elif schema is not None and fields != set(schema[bodies[route].__name__]["properties"]):
            wrong.append(f"{route}: the body is said to have {fields}")
    assert not wrong, "\n".join(wrong)


def _fields(document: dict[str, Any], body: dict[str, Any]) -> set[str]:
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return set(document["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/admin/users/nobody", None),
        ("GET", "/admin/users?limit=0", None),
        ("POST", "/admin/users", {"username": "ada"}),
        ("POST", "/admin/ledger/topups", {"username": "ada", "amount": "1"}),
        ("GET", "/v1/models/nothing", None),
        ("POST", "/v1/chat/completions", {"model": 1}),
    ],
)
async def test_errors_are_as_the_document_says(whole: Whole, method: str, path: str, body: Any) -> None:
    document = strict((await whole.ask("GET", PATH)).json())
    answer = await whole.ask(method, path, body)
    route = f"{method} {path.partition('?')[0].replace('nobody', '{id}').replace('nothing', '{id}')}"
    response = described(document, route)["responses"][str(answer.status_code)]
    assert answer.status_code >= 400
    check(document, response["content"]["application/json"]["schema"], answer.json())
