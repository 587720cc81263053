"""Media only as data: URLs: backends fetch what a URL names themselves, from where they stand (SSRF)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.errors import BadRequest

_SCHEME = re.compile(r"\s*(?:[a-z][a-z0-9+.-]{1,30}:|//)", re.IGNORECASE)


def check(body: Mapping[str, Any]) -> None:
    """Raises BadRequest for a content part that names media by anything but its data."""
    messages = body.get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, Mapping):
            content = [content]
        for place, part in enumerate(content if isinstance(content, list) else ()):
            where = f"messages[{number}].content[{place}]"
            for name, text in _strings(part, ""):
                if _names_a_place(name, text):
                    raise BadRequest(f"{where}{name}: media must be given as a data: URL.", param=f"{where}{name}")


def _strings(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Every string of a content part but its text, whatever type the part claims to be, with its path."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not (name == "" and key in ("text", "refusal", "thinking")):
                yield from _strings(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _strings(inner, f"{name}[{index}]")


def _names_a_place(name: str, text: str) -> bool:
    """A URL of any scheme but data:, or anything but data: where a URL belongs."""
    if text[:5].lower() == "data:":
        return False
    return bool(_SCHEME.match(text)) or name.endswith(("url", "_url.url", "path"))
