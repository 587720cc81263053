"""The source tree as the house rules look at it: files, parsed once, and what they import."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("functions", "infra", "ui", "admin_cli")
"""The packages that are shipped."""


def sources(*folders: str) -> list[Path]:
    """Every Python file under these top folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    """The path as a person says it: infra/runtime/call.py."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports anywhere, relative ones resolved; `from a import b` gives a.b."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            near = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (near, node.module) if part)
            yield from (f"{base}.{each.name}" for each in node.names)


def within(dotted: str, rooms: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of these or lies under one."""
    return any(dotted == room or dotted.startswith(f"{room}.") for room in rooms)
