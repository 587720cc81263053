"""Files of a screen or three, functions that are read at a glance."""

import ast

import pytest

from tests.house.tree import ROOMS, name, parsed, sources

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
HANDLER_LINES_MAX = 60

LONGER = {
    "infra/ledger/ledger.py": (330, "the verbs of money, each with what it raises"),
    "tests/infra/backends/test_pool.py": (365, "slots, queue, health and reload of one pool, proved together"),
}
"""file → (lines it may have, why it is one file). The numbers only go down."""


def lines(node: ast.AST) -> int:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("room", [*ROOMS, "tests"])
def test_files_are_at_most_300_lines(room: str) -> None:
    found = {name(path): len(path.read_text().splitlines()) for path in sources(room)}
    assert {file: count for file, count in found.items() if count > LONGER.get(file, (FILE_LINES_MAX, ""))[0]} == {}


def test_a_file_that_has_become_short_leaves_the_list_of_longer_ones() -> None:
    found = {name(path): len(path.read_text().splitlines()) for path in sources(*ROOMS, "tests")}
    assert [file for file in LONGER if found.get(file, 0) <= FILE_LINES_MAX] == []


@pytest.mark.parametrize("room", [*ROOMS, "tests"])
def test_functions_are_at_most_60_lines(room: str) -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name} has {lines(node)} lines"
        for path in sources(room)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines(node) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_a_handler_is_at_most_60_lines() -> None:
    found = {
        name(path): len(path.read_text().splitlines()) for path in sources("functions") if path.name == "handler.py"
    }
    assert len(found) > 10
    assert {file: count for file, count in found.items() if count > HANDLER_LINES_MAX} == {}
