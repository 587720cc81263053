"""What is wrong with the configuration, said to the owner.

ConfigError            one sentence: what was found and what to do
└── ManifestFaults     all faults of one gateway.yaml, each with its file and line
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any


class ConfigError(Exception):
    """The configuration cannot be used; str() is a sentence for the owner."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    file: str
    line: int
    """From 1; 0 where the file as a whole is meant."""
    where: str
    """The place as a path of keys: models.qwen2.5:3b.price.input; empty at the top."""
    message: str
    """What was found and what to do."""

    def __str__(self) -> str:
        """As editors and compilers write it: gateway.yaml:12: models.x.price: …"""
        line = f"{self.line}:" if self.line else ""
        said = f"{self.file}:{line} {self.where + ': ' if self.where else ''}{self.message}"
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in said)  # it goes to a terminal


class ManifestFaults(ConfigError):
    """gateway.yaml is refused; str() is the whole report, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line))
        many = f"{len(self.faults)} faults" if len(self.faults) > 1 else "1 fault"
        super().__init__("\n".join([f"{many} in the configuration:", *(f"  {fault}" for fault in self.faults)]))


@dataclass(slots=True)
class Reading:
    """One reading of one file: the environment, the faults so far, and what later sections refer to."""

    file: str
    environ: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)
    names: dict[str, frozenset[str]] = field(default_factory=dict)
    """The names under `backends` and `models`, faulty ones too, so that one fault is not reported twice."""
    found: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those of them that could be read."""
    taken: dict[Any, Any] = field(default_factory=dict)
    """Routes and endpoint names that are in use, each with the first that uses it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file the reader is."""

    reading: Reading
    where: str = ""

    def at(self, name: str | int) -> "Place":
        """The place of a key or of an item of a list."""
        step = f"[{name}]" if isinstance(name, int) else f".{name}" if self.where else name
        return Place(self.reading, self.where + step)

    def fault(self, line: int, message: str) -> None:
        """Notes a fault and goes on: all of them are told at once."""
        self.reading.faults.append(Fault(self.reading.file, line, self.where, message))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A tail for a message: `; did you mean "slots"?`, or the list of what is known where it is short."""
    names = sorted(known)
    listed = f" (there is: {', '.join(names)})" if 0 < len(names) <= 12 else ""
    return nearest(word, names) or listed


def nearest(word: str, known: Iterable[str]) -> str:
    """The same tail where the message names what is known itself: empty where nothing is near."""
    close = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""
