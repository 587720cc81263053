"""The event loop that everything long-lived runs on."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs to the end, on uvloop where there is one: on Python ≥ 3.12 Hypercorn drains on no other
    (docs/libraries.md, Hypercorn)."""
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)
