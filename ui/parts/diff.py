"""Before and after, field by field: what an entry of the audit log changed."""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any, NamedTuple

from nicegui import ui

from .dialog import Moment

ABSENT = "–"
_SELF_EVIDENT = frozenset({"id", "key_prefix", "created_at", "expires_at", "price_version", "username", "user_id"})
"""Left out of the line: it stands beside it, or says nothing there."""
_CHANGE = frozenset({"kind", "subject", "text"})
"""What a change of gateway.yaml has: the text is read under its subject, and what else it has after all texts."""
_PER_TOKEN = {"price_in": "price.input", "price_out": "price.output"}
"""The same price twice, for one token and for a million: people read the latter."""
Difference = tuple[str, str, str]
"""(path of the field, before, after), as text."""


class _Side(NamedTuple):
    """A column: where its text stands in a Difference, what is above it, and the class that colours it."""

    place: int
    head: str
    tone: str


_SIDES = (_Side(1, "Before", "gone"), _Side(2, "After", "come"))


def differences(before: Any, after: Any) -> list[Difference]:
    """Every field that differs, in the order of the newer; amounts once, not again in nano-units or for one token."""
    old, new = dict(_flat(before)), dict(_flat(after))
    paths = [*new, *(path for path in old if path not in new)]
    found = [(path, old.get(path, ABSENT), new.get(path, ABSENT)) for path in paths]
    return [each for each in found if each[1] != each[2] and not _said_again(each[0], {*old, *new})]


def _said_again(path: str, paths: Set[str]) -> bool:
    within, _, name = path.rpartition(".")
    twin = _PER_TOKEN.get(name)
    return name.endswith("_nano") or (twin is not None and (f"{within}.{twin}" if within else twin) in paths)


def in_a_line(before: Any, after: Any, most: int = 2) -> str:
    """The same, short: active: true → false, and 2 more."""
    found = [each for each in differences(before, after) if each[0].rpartition(".")[2] not in _SELF_EVIDENT]
    shown = [
        f"{path}: {new}" if old == ABSENT else f"{path}: {old} → {new}" if new != ABSENT else f"{path}: {old} gone"
        for path, old, new in found[:most]
    ]
    return ", ".join(shown) + (f", and {len(found) - most} more" if len(found) > most else "")


def show_differences(before: Any, after: Any) -> None:
    """A table of fields, before and after; without the side on which nothing is; a sentence where nothing differs."""
    found = differences(before, after)
    if not found:
        ui.label("Nothing was noted beside the act itself.").classes("card-hint")
        return
    sides = [side for side in _SIDES if any(each[side.place] != ABSENT for each in found)]
    with ui.element("div").classes("diff" if len(sides) == len(_SIDES) else "diff one-sided"):
        for words in ("Field", *(side.head for side in sides)):
            ui.label(words).classes("diff-head")
        for each in found:
            ui.label(each[0] or "it").classes("diff-field")
            for side in sides:
                _show_cell(each[0], each[side.place], side.tone)


def _show_cell(path: str, text: str, tone: str) -> None:
    with ui.element("div").classes("diff-cell" if text == ABSENT else f"diff-cell {tone}"):
        is_time = path.endswith("_at") and text.isdecimal()
        Moment(int(text)).show() if is_time else ui.label(text)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Leaves by their path; a list of plain values is one leaf, an empty one too."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(each, f"{path}.{name}" if path else str(name))
    elif _is_list(value) and value and all(map(_is_change, value)):
        heads = [(f"{each['kind']} {each['subject']}", each) for each in value]
        yield from ((head, _text(each["text"])) for head, each in heads)
        for head, each in heads:
            yield from _flat({name: more for name, more in each.items() if name not in _CHANGE}, head)
    elif _is_list(value) and any(isinstance(each, Mapping) or _is_list(each) for each in value):
        for place, each in enumerate(value, 1):
            yield from _flat(each, f"{path} {place}".strip())
    elif value is not None:
        yield path, _text(value)


def _is_change(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() >= _CHANGE


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if _is_list(value):
        return ", ".join(map(_text, value)) or "none"
    return json.dumps(value, ensure_ascii=False, default=str)
