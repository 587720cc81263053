"""Every route of gateway.yaml: a function behind it, guards before it, a limit on it or the reason for none."""

import ast
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from infra.config import load
from infra.config.objects import Endpoint
from infra.runtime.gateway import Gateway
from infra.runtime.guards import admin_key, api_key, body, guards_of, limits, not_closing, room
from tests.house.tree import ROOT, parsed
from tests.standins.running import SECRETS

FUNCTIONS = ROOT / "functions"
ENDPOINTS = load(ROOT / "gateway.yaml", {}).endpoints
ROUTES = [(endpoint, route) for endpoint in ENDPOINTS for route in endpoint.routes]
OPEN = {"health": "supervisors and load balancers have no key; it tells no address, path or name but the owner's own"}
"""Endpoints without a key, and why."""
WANTED = {
    "key": {not_closing, api_key, limits, body, room},
    "admin": {admin_key, body},
    "open": {body},
}


def test_every_function_folder_is_in_gateway_yaml_and_back() -> None:
    folders = sorted(f"functions.{path.name}" for path in FUNCTIONS.iterdir() if (path / "__init__.py").is_file())
    assert sorted(endpoint.function for endpoint in ENDPOINTS) == folders


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in FUNCTIONS.glob("*/__init__.py")))
def test_every_function_folder_has_the_same_files(folder: str) -> None:
    here = FUNCTIONS / folder
    assert {"__init__.py", "handler.py"} <= {path.name for path in here.glob("*.py")}
    assert ast.get_docstring(parsed(here / "__init__.py")), "the folder's documentation"
    handle = next(n for n in parsed(here / "handler.py").body if getattr(n, "name", "") == "handle")
    assert isinstance(handle, ast.AsyncFunctionDef)
    assert ast.unparse(handle.args) == "call: Call"
    assert ast.get_docstring(handle), "what it answers"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_every_route_has_the_guards_of_its_access(endpoint: Endpoint) -> None:
    guards = guards_of(endpoint)
    assert set(guards) == WANTED[endpoint.access]
    after = set(guards[guards.index(body) :])
    assert after <= {body, room}, "who may not call is refused before anything is read"
    assert all(guard.__doc__ for guard in guards), "`aethergate check` prints them"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_every_route_has_a_limit_or_a_stated_exemption(endpoint: Endpoint) -> None:
    if endpoint.access == "key":
        assert endpoint.limits.requests is not None
    elif endpoint.access == "open":
        assert OPEN[endpoint.name]
    # The admin API has one user, the owner; wrong keys there are braked by address.


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    manifest = load(ROOT / "gateway.yaml", {"DATABASE_URL": f"sqlite:///{tmp_path}/a.db"})
    found = Gateway.create(replace(manifest, backends={}, models={}), SECRETS)
    await found.start(serving=False)
    yield found
    await found.stop()


async def test_every_function_of_gateway_yaml_loads(gateway: Gateway) -> None:
    assert {function.endpoint.name: function.error for function in gateway.functions if function.error} == {}


async def test_no_route_but_the_open_ones_answers_without_a_key(gateway: Gateway) -> None:
    transport = httpx.ASGITransport(app=gateway.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        for endpoint, route in ROUTES:
            path = route.path.replace("{id:path}", "a/b").replace("{id}", "a")
            answer = await client.request(route.method, path)
            if endpoint.access == "open":
                assert answer.status_code == 200, route
                continue
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key"), route
