"""Ids as `infra.store.ids` makes them, but of a moment in the past and from a seed."""

import random

from infra.store.ids import base62


def id_at(rng: random.Random, prefix: str, at_us: int) -> str:
    """An id that sorts among others by `at_us`."""
    return f"{prefix}_{base62(at_us // 1_000, 8)}{base62(rng.getrandbits(71), 12)}"
