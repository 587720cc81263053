"""What the stories' models cost, and what is left of it."""

from typing import Any

from tests.standins.running import Running

INPUT, OUTPUT = 100, 400
"""Nano-units per token."""


async def balance(gate: Running) -> int:
    """Of the one user, in nano-units, once nothing is held any more."""
    await gate.settled()
    return (await gate.user()).balance


def cost(usage: Any) -> int:
    """Of the tokens that a caller was shown, in nano-units."""
    return int(usage.prompt_tokens * INPUT + usage.completion_tokens * OUTPUT)
