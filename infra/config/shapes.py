"""Mappings of gateway.yaml: Named with the owner's own names as keys, Shape with known keys."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.config.faults import Place, did_you_mean
from infra.config.kinds import MISSING, Kind, Leaf, entries
from infra.config.nodes import Node, Scalar, kind


def _as_read(_name: str, value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping whose keys are the owner's own names; reads to {name: make(name, value)} in the order of the file."""

    names: Leaf
    of: Kind
    make: Callable[[str, Any], Any] = _as_read
    least: int = 0
    what: str = "a mapping"
    section: str = ""
    """The word under which Reading keeps the names for later sections."""

    def read(self, node: Node, place: Place) -> Any:
        pairs = entries(node, place, self.what)
        if pairs is MISSING:
            return MISSING
        if len(pairs) < self.least:
            place.fault(node.line, f"found nothing; expected {self.what}")
        if self.section:
            place.reading.names[self.section] = frozenset(key.text for key, _ in pairs)
        found = {}
        for key, value in pairs:
            here = place.at(key.text)
            try:
                self.names.convert(Scalar(key.line, key.text, plain=False), here)  # variables are for values only
            except ValueError as wrong:
                here.fault(key.line, str(wrong))
            if (read := self.of.read(value, here)) is not MISSING:
                found[key.text] = self.make(key.text, read)
        if self.section:
            place.reading.found[self.section] = found
        return found

    def schema(self) -> dict[str, Any]:
        names = {k: v for k, v in self.names.shape.items() if k in ("pattern", "maxLength")}
        kinds = "object" if self.least else ["object", "null"]
        least = {"minProperties": self.least} if self.least else {}
        return {"type": kinds, "propertyNames": names, "additionalProperties": self.of.schema(), **least}


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a Shape."""

    of: Kind
    doc: str
    required: bool = False
    default: str | None = None
    """What is read where the key is absent; None: nothing, and the dataclass has the default."""


def _no_check(_values: Mapping[str, Any], _place: Place) -> Iterable[tuple[str, str]]:
    return ()


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with known keys, read in the order of this table; `make` gets the values as keyword arguments."""

    what: str
    make: Callable[..., Any]
    fields: Mapping[str, Field]
    check: Callable[[Mapping[str, Any], Place], Iterable[tuple[str, str]]] = _no_check
    """Rules between keys: gets what is there, MISSING where faulty, and yields (key, message)."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """The same rules as JSON Schema."""
    nullable: bool = False
    """May stand there with nothing under it."""

    def read(self, node: Node, place: Place) -> Any:
        if kind(node) == "null" and not self.nullable:
            place.fault(node.line, f"found nothing; expected {self.what}")
            return MISSING
        pairs = entries(node, place, self.what)
        if pairs is MISSING:
            return MISSING
        lines = {key.text: key.line for key, _ in pairs}
        for name in [name for name in lines if name not in self.fields]:
            place.fault(lines[name], f'"{name}" is not known here{did_you_mean(name, self.fields)}')
        values = self._values({key.text: value for key, value in pairs}, node.line, place)
        absent = [name for name, each in self.fields.items() if each.required and name not in values]
        if absent:
            place.fault(node.line, f"no {' and no '.join(f'`{name}`' for name in absent)}; expected {self.what}")
        for name, message in self.check(values, place):
            (place.at(name) if name else place).fault(lines.get(name, node.line), message)
        good = {name: value for name, value in values.items() if value is not MISSING}
        whole = all(name in good for name, each in self.fields.items() if each.required)
        return self.make(**good) if whole else MISSING

    def _values(self, nodes: Mapping[str, Node], line: int, place: Place) -> dict[str, Any]:
        values = {}
        for name, each in self.fields.items():
            if name in nodes:
                values[name] = each.of.read(nodes[name], place.at(name))
            elif each.default is not None:
                values[name] = each.of.read(Scalar(line, each.default, plain=True), place.at(name))
        return values

    def schema(self) -> dict[str, Any]:
        required = [name for name, each in self.fields.items() if each.required]
        return {
            "type": ["object", "null"] if self.nullable else "object",
            "properties": {name: {"description": each.doc, **each.of.schema()} for name, each in self.fields.items()},
            "additionalProperties": False,
            **({"required": required} if required else {}),
            **self.rules,
        }
