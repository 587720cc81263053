"""Is it healthy? One sentence and its colour, from the overview of today."""

from typing import Any, Literal

from .. import show

ERRORS_SHARE = 0.05
"""From this share of failed requests on it is told."""
REQUESTS_LEAST = 20
"""Fewer requests say nothing about a share."""


def verdict(today: dict[str, Any]) -> tuple[str, Literal["ok", "warn", "bad", "calm"]]:
    """The sentence and its tone: bad where nothing can be served, warn where something is wrong."""
    backends = today["backends"]
    down = [str(each["name"]) for each in backends if each["up"] is False]
    up = sum(each["up"] is True for each in backends)
    troubles = [f"{_names(down)} {'is' if len(down) == 1 else 'are'} down"] if down else []
    if today["requests"] >= REQUESTS_LEAST and today["errors"] > ERRORS_SHARE * today["requests"]:
        troubles.append(f"{show.share(today['errors'], today['requests'])} of today's requests failed")
    waiting = today["live"]["queued"]
    if not backends:
        return "No backend is declared yet: add one to gateway.yaml.", "calm"
    if not up and down:
        return f"Nothing can be served: {'; '.join(troubles)}.", "bad"
    if troubles:
        return f"Look here: {'; '.join(troubles)}.", "warn"
    queue = f", {show.counted(waiting, 'request')} waiting" if waiting else ""
    return f"All is well: {up} of {show.counted(len(backends), 'backend')} up{queue}.", "ok"


def _names(names: list[str]) -> str:
    shown = names[:3] + ([f"{len(names) - 3} more"] if len(names) > 3 else [])
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" and {shown[-1]}"
