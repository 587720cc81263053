"""Which of several backends with a free slot gets a request (docs/routing.md, Several backends). Pure.

A backend that was ejected is tried first, once its time is up. Then a conversation stays where its prefix is in the
cache, by rendezvous hashing (Thaler, Ravishankar 1998): each backend's score for a prefix is known to every process
and nothing is stored. Then the least busy for its weight; among equals, weights decide by their share of turns.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from infra.metering.ask import Ask

STICKY_MARGIN = 0.5
"""Busy slots, as a share of all, that a conversation's own backend may be ahead of the least busy one."""
PROMPT_CHARACTERS = 1024
"""A plain prompt grows at its end; so much of its beginning says which one it is."""
_SAID_FIRST = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Option:
    """A backend with a free slot."""

    name: str
    busy: int
    slots: int
    weight: int
    turn: float
    """Virtual time of its next turn: a turn costs 1 / weight (stride scheduling)."""
    trial: bool = False


def choose(options: Sequence[Option], prefix: bytes | None) -> Option:
    """One of at least one."""
    trials = [option for option in options if option.trial]
    if trials:
        return trials[0]
    if prefix is not None:
        own = max(options, key=lambda option: _score(option, prefix))
        if own.busy / own.slots - min(option.busy / option.slots for option in options) <= STICKY_MARGIN:
            return own
    return min(options, key=lambda option: (option.busy / (option.slots * option.weight), option.turn))


def _score(option: Option, prefix: bytes) -> float:
    """Weighted rendezvous: −weight / ln(h), with h in (0, 1) from prefix and name."""
    drawn = hashlib.blake2b(option.name.encode(), key=prefix, digest_size=8).digest()
    return -option.weight / math.log((int.from_bytes(drawn) + 0.5) / 2**64)


def prefix_of(ask: Ask) -> bytes | None:
    """A digest of what a conversation begins with and keeps: everything up to the first message of its user, and the
    tools, which templates put before it. None for embeddings, which have no cache to come back to."""
    if ask.task == "chat":
        return _digest([*_opening(ask.body.get("messages")), ask.body.get("tools")])
    if ask.task == "completion":
        prompt = ask.body.get("prompt")
        return _digest([prompt[:PROMPT_CHARACTERS] if isinstance(prompt, str) else prompt])
    return None


def _opening(messages: Any) -> Iterable[Any]:
    for message in messages if isinstance(messages, list) else ():
        yield message
        if not (isinstance(message, Mapping) and message.get("role") in _SAID_FIRST):
            return


def _digest(parts: Iterable[Any]) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(list(parts)), digest_size=16).digest()
