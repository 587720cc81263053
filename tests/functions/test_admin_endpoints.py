"""Reloading one function, an owner's own one, on disk."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.functions.admin import Admin
from tests.standins.running import running

MANIFEST = """
gateway: {{database: "{database}"}}
backends:
  one: {{adapter: openai, url: "http://127.0.0.1:9"}}
models: {{}}
endpoints:
  - {{routes: [GET /hello], function: reloaded_functions.hello, access: open}}
  - {{routes: [GET /other], function: reloaded_functions.other, access: open}}
  - {{routes: [GET /admin/endpoints, "POST /admin/endpoints/{{name}}/reload"], function: functions.admin_endpoints,
      access: admin}}
  - {{routes: [GET /admin/audit-events], function: functions.admin_audit_events, access: admin}}
"""
HANDLER = '''"""Says a word."""

from quart import Response

from infra.runtime.call import Call
{more}

async def handle(call: Call) -> Response:
    """The word."""
    return call.answer({{"word": "{word}"}})
'''


class Folder:
    """The owner's functions."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, word: str, more: str = "") -> None:
        folder = self.path / "reloaded_functions" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text('"""Says a word."""\n')
        (folder / "handler.py").write_text(HANDLER.format(word=word, more=more))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = Folder(tmp_path)
    found.write("hello", "one")
    found.write("other", "other", "raise RuntimeError('not today')")
    yield found
    for name in [name for name in sys.modules if name.startswith("reloaded_functions")]:
        del sys.modules[name]


@pytest.fixture
async def admin(tmp_path: Path, folder: Folder) -> AsyncIterator[Admin]:
    async with running(tmp_path, MANIFEST) as found:
        yield Admin(found)


async def word(admin: Admin, path: str = "/hello") -> str:
    answer = await admin.running.client.get(path)
    return str(answer.json()["word"]) if answer.status_code == 200 else str(answer.status_code)


async def test_an_edited_function_is_picked_up_and_the_others_stay_as_they_are(admin: Admin, folder: Folder) -> None:
    assert (await word(admin), await word(admin, "/other")) == ("one", "503")
    folder.write("hello", "two")
    folder.write("other", "mended")
    assert await word(admin) == "one"
    found = await admin.done("POST", "/admin/endpoints/hello/reload", {})
    assert (found["name"], found["state"], found["error"], found["last_hour"]) == ("hello", "serving", None, None)
    assert (await word(admin), await word(admin, "/other")) == ("two", "503")
    assert await admin.events() == [("endpoint.reload", "hello")]


async def test_a_broken_one_stays_broken_with_its_error_until_it_is_mended(admin: Admin, folder: Folder) -> None:
    found = await admin.done("POST", "/admin/endpoints/other/reload", {})
    assert (found["state"], found["error"]) == ("broken", "RuntimeError: not today")
    folder.write("other", "mended")
    assert (await admin.done("POST", "/admin/endpoints/other/reload"))["state"] == "serving"
    assert await word(admin, "/other") == "mended"


async def test_one_that_can_no_longer_be_loaded_serves_on_as_it_was(admin: Admin, folder: Folder) -> None:
    for more in ("raise RuntimeError('an unfinished edit')", "this is no Python", "raise SystemExit(1)"):
        folder.write("hello", "three", more)
        error = await admin.refused("POST", "/admin/endpoints/hello/reload", {})
        assert "the one before serves on" in error["message"]
        assert await word(admin) == "one"
    assert "reloaded_functions.hello.handler" in sys.modules
    assert await admin.events() == []
    (row,) = [each for each in (await admin.done("GET", "/admin/endpoints"))["data"] if each["name"] == "hello"]
    assert row["state"] == "serving"


async def test_one_of_the_gateways_own_can_be_reloaded_even_that_which_answers(admin: Admin) -> None:
    assert (await admin.done("POST", "/admin/endpoints/admin_endpoints/reload"))["state"] == "serving"
    assert len((await admin.done("GET", "/admin/endpoints"))["data"]) == 4


async def test_what_there_is_not_cannot_be_reloaded(admin: Admin) -> None:
    for name in ("nobody", "%00", "a" * 300, "hello%2Freload"):
        await admin.refused("POST", f"/admin/endpoints/{name}/reload", {}, 404)
    assert (await admin.refused("POST", "/admin/endpoints/hello/reload", {"now": 1}))["param"] == "now"
    assert (await admin.refused("POST", "/admin/endpoints/hello/reload?x=1", {}))["param"] == "x"
