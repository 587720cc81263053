"""What a value of gateway.yaml may be: each kind reads a node and writes its own JSON Schema.

So that loader and schema cannot part: there is one table of fields (sections.py) and two things one can ask of it.
`read` notes every fault it finds and answers MISSING where there is nothing to use.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.config.faults import Place
from infra.config.nodes import Items, Node, Pairs, Scalar, kind, show
from infra.config.variables import VARIABLE, expand

MISSING: Any = object()
"""No value: it was not there, or it was faulty and the fault is noted."""


class Kind(Protocol):
    """A kind of value."""

    def read(self, node: Node, place: Place) -> Any:
        """The value, or MISSING after noting the faults."""
        ...

    def schema(self) -> dict[str, Any]:
        """The same rules as JSON Schema, as far as they can be said there."""
        ...


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value; `convert` raises ValueError with a sentence."""

    what: str
    convert: Callable[[Scalar, Place], Any]
    shape: Mapping[str, Any]

    def read(self, node: Node, place: Place) -> Any:
        if not isinstance(node, Scalar):
            place.fault(node.line, f"found {show(node)}; expected {self.what}")
            return MISSING
        try:
            text = expand(node.text, place.reading.environ) if "${" in node.text else node.text
            value = Scalar(node.line, text, node.plain, variable=text != node.text)
            if kind(value) == "null" or not text:
                found = f"{node.text}, which is empty," if value.variable else "nothing"
                raise ValueError(f"found {found}; expected {self.what}")
            return self.convert(value, place)
        except ValueError as wrong:
            place.fault(node.line, str(wrong))
            return MISSING

    def schema(self) -> dict[str, Any]:
        if set(self.shape) <= {"type", "minLength"}:
            return dict(self.shape)
        return {"anyOf": [dict(self.shape), {"type": "string", "pattern": VARIABLE}]}


@dataclass(frozen=True, slots=True)
class Many:
    """A list of one kind."""

    of: Kind
    least: int = 0
    what: str = "a list"
    make: Callable[[tuple[Any, ...]], Any] = tuple

    def read(self, node: Node, place: Place) -> Any:
        if not isinstance(node, Items):
            place.fault(node.line, f"found {show(node)}; expected {self.what}")
            return MISSING
        if len(node.nodes) < self.least:
            place.fault(node.line, f"found an empty list; expected {self.what}")
        found = [self.of.read(item, place.at(number)) for number, item in enumerate(node.nodes)]
        return self.make(tuple(value for value in found if value is not MISSING))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.of.schema(), **({"minItems": self.least} if self.least else {})}


@dataclass(frozen=True, slots=True)
class Either:
    """One kind or another, told apart by whether a single value, a list or a mapping stands there."""

    single: Kind | None = None
    items: Kind | None = None
    pairs: Kind | None = None

    def read(self, node: Node, place: Place) -> Any:
        found = self.items if isinstance(node, Items) else self.pairs if isinstance(node, Pairs) else self.single
        chosen = found or self.single or self.items or self.pairs
        return chosen.read(node, place) if chosen else MISSING

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [each.schema() for each in (self.single, self.items, self.pairs) if each]}


def entries(node: Node, place: Place, what: str) -> Any:
    """The pairs of a mapping, a second one of the same key noted and left out; none for an empty value."""
    if kind(node) == "null":
        return ()
    if not isinstance(node, Pairs):
        place.fault(node.line, f"found {show(node)}; expected {what}")
        return MISSING
    first: dict[str, tuple[Scalar, Node]] = {}
    for key, value in node.pairs:
        if key.text in first:
            place.at(key.text).fault(key.line, f"stands here a second time, first on line {first[key.text][0].line}")
            continue
        first[key.text] = key, value
    return tuple(first.values())
