"""What an Ollama tells of itself and of its models: /api/version, /api/tags, /api/ps, /api/show. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from infra.backends.ollama.cut import MESSAGE_TOKENS
from infra.metering.usage import tokens

_OWN = re.compile(r"^num_ctx\s+(\d{1,8})\s*$", re.MULTILINE)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Card:
    """One model's /api/show."""

    abilities: frozenset[str] = frozenset()
    """Nothing: it is too old to tell."""
    limit: int | None = None
    """Tokens of context that it can have at most."""
    own: int | None = None
    """What its Modelfile says for `num_ctx`."""
    template: int = 0
    """Bytes that its template and system prompts may add to a prompt that was cut: its other messages go first."""
    spoken: int = 0
    """Bytes of its system prompt and messages, which stand before every chat."""
    digest: str = ""
    """Another one: it was made anew since."""

    def lacks(self, ability: str) -> bool:
        """It tells what it can, and that is not among it."""
        return bool(self.abilities) and ability not in self.abilities


def card(found: Mapping[str, Any], digest: str) -> Card:
    """Of an answer of /api/show, which loads nothing."""
    able, said = found.get("capabilities"), found.get("messages")
    own = _OWN.search(str(found.get("parameters")))
    messages = [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []
    system = [{"content": found.get("system")}, *(one for one in messages if one.get("role") == "system")]
    return Card(
        abilities=frozenset(each for each in able if isinstance(each, str)) if isinstance(able, list) else frozenset(),
        limit=tokens(_of_architecture(found.get("model_info"), "context_length")) or None,
        own=int(own[1]) if own else None,
        template=len(str(found.get("template") or "").encode()) + _bytes(system),
        spoken=_bytes([{"content": found.get("system")}, *messages]),
        digest=digest,
    )


def _bytes(messages: Sequence[Mapping[str, Any]]) -> int:
    texts = [str(one.get("content") or "") for one in messages]
    return sum(len(text.encode()) + MESSAGE_TOKENS for text in texts if text)


def models(found: Any) -> list[tuple[str, dict[str, Any]]]:
    """The rows of /api/tags or /api/ps by name, without those that ollama.com runs: a box sells what it has."""
    rows = found.get("models") if isinstance(found, dict) else None
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [(row["name"], row) for row in rows if isinstance(row.get("name"), str) and not row.get("remote_host")]


def short(found: Mapping[str, T]) -> dict[str, T]:
    """By each name, and by the short one: `llama3` is `llama3:latest`."""
    return {**{name.removesuffix(":latest"): value for name, value in found.items()}, **found}


def numbers(found: Any) -> tuple[int, ...]:
    """Of {"version": "0.12.6-rc1"}; (0,) where there are none."""
    text = found.get("version") if isinstance(found, dict) else None
    version = re.match(r"\d{1,6}(\.\d{1,6})*", text) if isinstance(text, str) else None
    return tuple(map(int, version[0].split("."))) if version else (0,)


def _of_architecture(info: Any, name: str) -> Any:
    """A model of several parts tells it of each; its own stands under the name of its architecture."""
    found = info if isinstance(info, dict) else {}
    own = found.get(f"{found.get('general.architecture')}.{name}")
    return own or next((value for key, value in found.items() if key.endswith(f".{name}")), None)
