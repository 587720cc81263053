"""Every file of the table, through the loader and through the JSON Schema."""

import jsonschema
import pytest

from infra.config.json_schema import PUBLISHED, schema, text
from tests.infra.config.bad import BAD as BAD_PLACES
from tests.infra.config.bad import Bad
from tests.infra.config.bad_sales import BAD_SALES
from tests.infra.config.files import EXAMPLE, faults, manifest, plain
from tests.infra.config.good import GOOD

BAD = [*BAD_PLACES, *BAD_SALES]
CHECKER = jsonschema.Draft7Validator(schema())


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_faulty_file_is_refused_with_its_line_and_what_was_found(bad: Bad) -> None:
    (fault,) = faults(bad.text)
    assert (fault.line, fault.where) == (bad.line, bad.where), fault
    assert bad.words in fault.message
    assert "secret" not in fault.message or "api_key" in fault.where


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_the_schema_refuses_what_a_schema_can_see(bad: Bad) -> None:
    assert CHECKER.is_valid(plain(bad.text)) is not bad.schema_sees


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_loads_and_the_schema_takes_it(name: str) -> None:
    manifest(GOOD[name])
    CHECKER.validate(plain(GOOD[name]))


def test_the_shipped_example_pleases_the_schema() -> None:
    CHECKER.validate(plain(EXAMPLE.read_text()))


def test_the_published_schema_is_the_one_of_the_table() -> None:
    assert PUBLISHED.read_text() == text(), "run: python -m infra.config"


def test_the_schema_is_a_schema_and_explains_every_key() -> None:
    jsonschema.Draft7Validator.check_schema(schema())

    def walk(node: object) -> None:
        if isinstance(node, dict):
            for name, each in node.get("properties", {}).items():
                assert each is False or len(each.get("description", "")) > 8 or "const" in each or "enum" in each, name
            for each in node.values():
                walk(each)
        if isinstance(node, list):
            for each in node:
                walk(each)

    walk(schema())
