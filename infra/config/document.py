"""YAML text → the tree of nodes.py.

Built from PyYAML's events and not by its loader, so that every value keeps its line, duplicate keys are seen, no tag
makes an object, and depth and aliases are bounded (a "billion laughs" file is a fault, not a full memory).
"""

from collections.abc import Iterator
from typing import Any

import yaml

from infra.config.nodes import Items, Node, Pairs, Scalar, show

BYTES_MAX = 300_000
"""Some 3,000 models; read in a second."""
DEPTH_MAX = 16
NODES_MAX = 50_000
"""Aliases count as often as they are used."""


class Broken(Exception):
    """The file is no YAML that is taken here, from this line on."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def parse(data: bytes) -> Node:
    """The document; raises Broken with the line."""
    if len(data) > BYTES_MAX:
        raise Broken(0, f"the file has more than {BYTES_MAX:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        raise Broken(line, f"byte 0x{data[wrong.start]:02x} is not UTF-8: save the file as UTF-8") from None
    try:
        return _Builder(yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except yaml.MarkedYAMLError as wrong:
        raise _syntax(text, wrong) from None
    except yaml.reader.ReaderError as wrong:
        line = text.count("\n", 0, wrong.position) + 1
        raise Broken(line, f"the character U+{ord(text[wrong.position]):04X} is not allowed in YAML") from None


def _syntax(text: str, wrong: yaml.MarkedYAMLError) -> Broken:
    mark = wrong.problem_mark or wrong.context_mark
    if mark is None:
        return Broken(0, f"not YAML: {wrong.problem}")
    if text[mark.index : mark.index + 1] == "\t":
        return Broken(mark.line + 1, "a tab: YAML indents with spaces")
    context = f" {wrong.context}" if wrong.context else ""
    hint = (
        "; inside [ ] or { } a value with braces of its own stands in quotes" if "'{'" in (wrong.problem or "") else ""
    )
    return Broken(mark.line + 1, f"not YAML: {wrong.problem}{context} (column {mark.column + 1}){hint}")


def _merged(pairs: list[tuple[Scalar, Node]]) -> tuple[tuple[Scalar, Node], ...]:
    """`<<: *shared` brings the keys of another mapping, under those written here."""
    own = [pair for pair in pairs if not (pair[0].plain and pair[0].text == "<<")]
    taken = {key.text for key, _ in own}
    for key, value in pairs:
        if key.plain and key.text == "<<":
            for source in value.nodes if isinstance(value, Items) else (value,):
                if not isinstance(source, Pairs):
                    raise Broken(key.line, f"<< takes a mapping, as in <<: *shared; found {show(source)}")
                more = [pair for pair in source.pairs if pair[0].text not in taken]
                own, taken = own + more, taken | {key.text for key, _ in more}
    return tuple(own)


class _Builder:
    """Turns the stream of events into nodes."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.count = 0
        self.anchors: dict[str, tuple[Node, int]] = {}

    def document(self) -> Node:
        next(self.events)  # the stream's start
        if isinstance(next(self.events), yaml.StreamEndEvent):
            raise Broken(0, "the file is empty")
        found = self._node(next(self.events), 0)
        next(self.events)  # the document's end
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise Broken(after.start_mark.line + 1, "a second document (---): there can be one only")
        return found

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        before = self.count
        self._grow(1, line)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, line)
        if getattr(event, "tag", None) is not None:
            raise Broken(line, f'the tag "{event.tag}" is not used here: remove it')
        if depth > DEPTH_MAX:
            raise Broken(line, f"nested more than {DEPTH_MAX} deep")
        if isinstance(event, yaml.ScalarEvent):
            found: Node = Scalar(line, event.value, event.style is None)
        elif isinstance(event, yaml.SequenceStartEvent):
            found = Items(line, tuple(self._node(e, depth + 1) for e in self._until(yaml.SequenceEndEvent)))
        else:
            found = Pairs(line, _merged(list(self._pairs(depth))))
        if event.anchor is not None:
            self.anchors[event.anchor] = found, self.count - before
        return found

    def _pairs(self, depth: int) -> Iterator[tuple[Scalar, Node]]:
        for event in self._until(yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self.events), depth + 1)
            if not isinstance(key, Scalar):
                raise Broken(key.line, f"{show(key)} as a key: a key is a word")
            yield key, value

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self.events), end):
            yield event

    def _alias(self, name: str | None, line: int) -> Node:
        if name is None or name not in self.anchors:
            raise Broken(line, f"*{name} refers to nothing above it")
        found, size = self.anchors[name]
        self._grow(size, line)
        return found

    def _grow(self, by: int, line: int) -> None:
        self.count += by
        if self.count > NODES_MAX:
            raise Broken(line, f"more than {NODES_MAX:,} values, aliases counted as often as they are used")
