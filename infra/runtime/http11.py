"""Keeps Hypercorn to HTTP/1.1 on a plain port.

It would answer an `Upgrade: h2c` or an HTTP/2 preface there, past every proxy that filters HTTP/1.1 requests. There is
no setting for it (0.18), so the method that decides is replaced; the version is pinned in pyproject.toml.
"""

from typing import Any

from hypercorn.protocol.h11 import H11Protocol


async def _stay(self: H11Protocol, event: Any) -> None:
    """Nothing is upgraded."""


def only_http11() -> None:
    """Once per process, before serving."""
    H11Protocol._check_protocol = _stay  # type: ignore[method-assign]
