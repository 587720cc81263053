"""Small rules that were broken elsewhere and cost somebody a night."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT, name, parsed, sources

LATER = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
"""Split, so that this file does not find itself."""


def swallowed(path: Path) -> Iterator[int]:
    """Lines where an exception ends without anything being done about it."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler) and all(
            isinstance(each, ast.Pass) or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
            for each in node.body
        ):
            yield node.lineno
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            kinds = {ast.unparse(kind) for kind in node.args}
            if not kinds or kinds & {"Exception", "BaseException"}:
                yield node.lineno


@pytest.mark.parametrize("room", [*ROOMS, "tests"])
def test_no_exception_is_swallowed(room: str) -> None:
    assert [f"{name(path)}:{line}" for path in sources(room) for line in swallowed(path)] == []


def test_a_swallowed_exception_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("try:\n    f()\nexcept OSError:\n    pass\nwith suppress(Exception):\n    f()\n")
    assert list(swallowed(path)) == [3, 5]


def test_nothing_is_left_for_later() -> None:
    documents = [path for path in ROOT.glob("docs/**/*.*") if path.suffix != ".png"]
    files = [*sources(*ROOMS, "tests"), *ROOT.glob("*.md"), *documents, ROOT / "gateway.yaml"]
    left = [(str(path), word) for path in files for word in LATER if word in path.read_text()]
    assert left == []


def test_every_module_with_code_says_what_it_is_for() -> None:
    assert [
        name(path) for path in sources(*ROOMS) if path.read_text().strip() and not ast.get_docstring(parsed(path))
    ] == []


def test_every_test_folder_is_a_package() -> None:
    # Without it pytest takes tests/functions for the package `functions`.
    folders = {path.parent for path in sources("tests")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []
