"""Limits as callers read them: the x-ratelimit headers and the words of a refusal, both as OpenAI writes them.

`limit` is the window's count, `remaining` what is left of it, `reset` the time until the window is empty again
(https://platform.openai.com/docs/guides/rate-limits, "resets to its initial state").
"""

import math
from collections.abc import Sequence
from typing import Literal

from infra.limits.log import NANOSECONDS
from infra.limits.windows import Full, Level, Place
from infra.units import DAYS, HOURS, MINUTES, SECONDS, Rate, show_duration

_PER = {SECONDS: "second", MINUTES: "minute", HOURS: "hour", DAYS: "day"}


def show(kind: Literal["requests", "tokens"], levels: Sequence[tuple[Rate, Level]]) -> dict[str, str]:
    """The three headers of the tightest window, the one with least remaining; {} where there is none."""
    if not levels:
        return {}
    rate, level = min(levels, key=lambda each: (_remaining(*each), -each[1].empty_ns))
    return {
        f"x-ratelimit-limit-{kind}": str(rate.count),
        f"x-ratelimit-remaining-{kind}": str(_remaining(rate, level)),
        f"x-ratelimit-reset-{kind}": show_wait(level.empty_ns),
    }


def refusal(full: Full, label: str) -> str:
    """Why a request may not pass, with the figures and what to do."""
    lacking = full.lacking
    if isinstance(lacking, Place):
        return (
            f"Too many requests at once for {label}: Limit {lacking.most}, running {full.used}. "
            "Please try again when one of them has ended."
        )
    kind = lacking.window.rsplit(" ", 1)[1]
    per = f"{kind} per {_PER.get(lacking.rate.seconds, f'{lacking.rate.seconds} seconds')}"
    if full.wait_ns is None:
        return (
            f"Request too large for {label} on {per}: Limit {lacking.rate.count}, Requested {lacking.amount}. "
            "It can never pass: ask for less, with a shorter prompt or a smaller max_tokens."
        )
    return (
        f"Rate limit reached for {label} on {per}: Limit {lacking.rate.count}, Used {full.used}, "
        f"Requested {lacking.amount}. Please try again in {show_wait(full.wait_ns)}."
    )


def show_wait(wait_ns: int) -> str:
    """A wait as text, rounded up, so that who waits as long as it says is not refused again."""
    if wait_ns < NANOSECONDS:
        return show_duration(math.ceil(wait_ns / 1_000_000) / 1_000)
    if wait_ns < MINUTES * NANOSECONDS:
        return show_duration(math.ceil(wait_ns / 100_000_000) / 10)
    return show_duration(math.ceil(wait_ns / NANOSECONDS))


def seconds(wait_ns: int) -> float:
    """Nanoseconds as seconds."""
    return wait_ns / NANOSECONDS


def _remaining(rate: Rate, level: Level) -> int:
    return max(0, rate.count - level.used)
