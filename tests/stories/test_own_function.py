"""An owner's own function beside gateway.yaml: billed like ours, and contained where it is broken.

The folder and the four lines of YAML are those of docs/own-function.md.
"""

import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY, MANIFEST, Running, running

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/examples/my_functions"
PAGE = (ROOT / "docs/own-function.md").read_text()
INPUT, OUTPUT = 1_000, 2_000
"""Nano-units per token at 1.00 and 2.00 per million."""
ASK = {"model": "stand-in", "text": "A long text about nothing."}

DOCUMENT = "  - {{routes: [GET /admin/openapi.json], function: functions.admin_openapi, access: admin}}\n"

BROKEN = {
    "missing": "import a_package_that_nobody_has\nasync def handle(call): ...\n",
    "garbled": "async def handle(call:\n",
    "handless": "async def answer(call): ...\n",
    "blocking": "def handle(call): ...\n",
    "exiting": "raise SystemExit\n",
}
"""Functions that cannot be loaded."""
FAILING = {
    "silent": "async def handle(call):\n    return None\n",
    "quitting": "async def handle(call):\n    raise SystemExit(1)\n",
    "raising": "async def handle(call):\n    raise RuntimeError('the secret of the owner')\n",
    "ungrateful": (
        "from my_functions.summarise.handler import handle as summarise\n"
        "async def handle(call):\n    await summarise(call)\n    return {'summary': 'not a response'}\n"
    ),
}
"""Functions that load and then fail at a request."""


def lines_of(function: str, path: str) -> str:
    """The four lines of the page, for another function."""
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1].replace("my_functions.summarise", function).replace("/v1/summarise", path)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with the example and the broken ones; what they leave in the interpreter is taken out again."""
    shutil.copytree(EXAMPLE, tmp_path / "my_functions", ignore=shutil.ignore_patterns("__pycache__"))
    for name, source in {**BROKEN, **FAILING}.items():
        (tmp_path / "my_functions" / name).mkdir()
        (tmp_path / "my_functions" / name / "handler.py").write_text(source)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in [name for name in sys.modules if name.split(".")[0] == "my_functions"]:
        del sys.modules[name]


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(folder: Path, backend: StandIn) -> AsyncIterator[Running]:
    lines = lines_of("my_functions.summarise", "/v1/summarise")
    lines += "".join(lines_of(f"my_functions.{name}", f"/v1/{name}") for name in [*BROKEN, *FAILING])
    manifest = MANIFEST + DOCUMENT + lines.replace("{", "{{").replace("}", "}}")
    async with running(folder, manifest, backend=backend.url) as found:
        yield found


async def spent(gate: Running) -> int:
    await gate.settled()
    return 10_000_000_000 - (await gate.user()).balance


async def test_the_example_answers_and_costs_exactly_what_the_backend_reports(gate: Running, backend: StandIn) -> None:
    backend.script(pieces=("A ", "short ", "text."))
    key = await gate.key()
    answer = await gate.post("/v1/summarise", key, ASK)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "A short text."
    sent = backend.seen[-1]
    assert sent.body["messages"][1] == {"role": "user", "content": ASK["text"]}
    assert sent.body["max_tokens"] == 64, "300 were asked for, the model allows 64"
    assert sent.usage is not None
    cost = sent.usage["prompt_tokens"] * INPUT + sent.usage["completion_tokens"] * OUTPUT
    assert sent.usage["completion_tokens"] == 3
    assert await spent(gate) == cost > 0
    assert [(row.endpoint, row.state, row.charged) for row in await gate.requests()] == [("summarise", "SETTLED", cost)]


async def test_its_models_are_listed_with_its_route(folder: Path, backend: StandIn) -> None:
    listing = "  - {routes: [GET /v1/models], function: functions.models}\n"
    lines = lines_of("my_functions.summarise", "/v1/summarise") + listing
    async with running(folder, MANIFEST + lines.replace("{", "{{").replace("}", "}}"), backend=backend.url) as gate:
        key = await gate.key()
        answer = await gate.client.get("/v1/models", headers={"authorization": f"Bearer {key}"})
    assert "/v1/summarise" in answer.json()["data"][0]["endpoints"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"model": "stand-in"}, 400, "text"),
        ({**ASK, "text": ""}, 400, "text"),
        ({**ASK, "temperature": 1}, 400, "temperature"),
        ({**ASK, "model": "nothing"}, 404, "model"),
        ([], 400, None),
    ],
)
async def test_what_it_cannot_understand_is_refused_in_openais_shape_and_free(
    gate: Running, body: Any, status: int, param: str | None
) -> None:
    key = await gate.key()
    answer = await gate.post("/v1/summarise", key, body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text
    assert await spent(gate) == 0


async def test_it_stands_behind_the_same_guards_as_ours(gate: Running) -> None:
    assert (await gate.client.post("/v1/summarise", json=ASK)).status_code == 401
    poor = await gate.key("bob", balance="0.000001")
    assert (await gate.post("/v1/summarise", poor, ASK)).status_code == 402
    rich = await gate.key("ada")
    answer = await gate.post("/v1/summarise", rich, ASK)
    assert answer.headers["x-ratelimit-limit-requests"] == "60"


@pytest.mark.parametrize("name", BROKEN)
async def test_a_function_that_cannot_be_loaded_is_a_503_on_its_own_path_while_the_others_serve(
    gate: Running, name: str
) -> None:
    key = await gate.key()
    answer = await gate.post(f"/v1/{name}", key, ASK)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"]["message"] == f"The function {name} is broken; the owner can see why."
    assert (await gate.post("/v1/summarise", key, ASK)).status_code == 200
    chat = {"model": "stand-in", "messages": [{"role": "user", "content": "hi"}]}
    assert (await gate.post("/v1/chat/completions", key, chat)).status_code == 200
    assert f"The function {name} is broken." in (await gate.client.get("/health")).json()["wrong"]


@pytest.mark.parametrize("name", ["silent", "raising", "quitting"])
async def test_a_function_that_fails_at_a_request_is_a_500_that_tells_nothing_and_costs_nothing(
    gate: Running, name: str
) -> None:
    key = await gate.key()
    answer = await gate.post(f"/v1/{name}", key, ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert await spent(gate) == 0
    assert (await gate.post("/v1/summarise", key, ASK)).status_code == 200


async def test_what_the_backend_produced_is_charged_also_where_the_function_fails_afterwards(gate: Running) -> None:
    key = await gate.key()
    assert (await gate.post("/v1/ungrateful", key, ASK)).status_code == 500
    assert await spent(gate) > 0
    assert [row.state for row in await gate.requests()] == ["SETTLED"]


async def test_a_broken_function_that_was_mended_serves_after_a_reload(gate: Running, folder: Path) -> None:
    key = await gate.key()
    mended = "from my_functions.summarise.handler import handle\n"
    (folder / "my_functions/handless/handler.py").write_text(mended)
    await gate.gateway.reload()
    assert (await gate.post("/v1/handless", key, ASK)).status_code == 200
    assert (await gate.post("/v1/missing", key, ASK)).status_code == 503


def test_the_page_shows_the_example_as_it_is() -> None:
    source = "\n".join(path.read_text() for path in sorted(EXAMPLE.rglob("*.py")))
    shown = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) == 5
    assert [block for block in shown if block.strip() not in source] == []
    assert len(lines_of("x", "/v1/x").strip().splitlines()) == 4
    assert ADMIN_KEY not in PAGE


async def test_the_openapi_document_has_it_and_the_broken_ones_too(gate: Running, folder: Path) -> None:
    (folder / "my_functions" / "silent" / "openapi.py").write_text("raise SystemExit\n")
    answer = await gate.client.get("/admin/openapi.json", headers={"x-admin-key": ADMIN_KEY})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    OpenAPIV31SpecValidator(document).validate()
    ours = document["paths"]["/v1/summarise"]["post"]
    schema = ours["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(document["components"]["schemas"][schema]["properties"]) == {"model", "text"}
    assert (ours["requestBody"]["required"], ours["tags"]) == (True, ["summarise"])
    assert "text/event-stream" in ours["responses"]["200"]["content"]
    for name in (*BROKEN, *FAILING):
        assert document["paths"][f"/v1/{name}"]["post"]["requestBody"], name
