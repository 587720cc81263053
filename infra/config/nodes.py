"""The tree of gateway.yaml: every value with its line, and what kind of value it is by YAML 1.2.

YAML 1.2 and not PyYAML's 1.1, so that `on` and `010` are no traps and the loader sees what an editor sees.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scalar:
    """A word, number or text."""

    line: int
    text: str
    plain: bool
    """Written without quotes: may be a number."""
    variable: bool = False
    """Its text came out of a ${VAR}."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping, duplicates included."""

    line: int
    pairs: tuple[tuple[Scalar, "Node"], ...]


Node = Scalar | Items | Pairs


_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def kind(node: Node) -> str:
    """null, bool, int, float, text, list or mapping, by YAML 1.2's core schema."""
    if not isinstance(node, Scalar):
        return "list" if isinstance(node, Items) else "mapping"
    if not node.plain:
        return "text"
    kinds = (("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT))
    return next((name for name, pattern in kinds if pattern.fullmatch(node.text)), "text")


def show(node: Node) -> str:
    """What was found, for a message."""
    found = kind(node)
    if not isinstance(node, Scalar):
        return f"a {found}"
    short = node.text if len(node.text) <= 60 else node.text[:57] + "…"
    return "nothing" if found == "null" else f'"{short}"' if found == "text" else short
