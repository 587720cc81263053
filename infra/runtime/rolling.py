"""Keeps the sums of requests up to date, and the log no longer than it shall be, a little at a time; before that reads
the first figures ahead."""

import asyncio
import logging
import random
from collections.abc import Callable

from infra.journal.first import read_ahead
from infra.ledger.retention import prune
from infra.rollups.roller import Roller
from infra.store.clock import now_us
from infra.store.database import Store

log = logging.getLogger("aethergate.rolling")

EVERY_SECONDS = 5.0
BREATH_SECONDS = 0.1
"""Between two steps where there is much to do, as in the first minutes after an upgrade: requests come first."""


async def roll(store: Store, keep: Callable[[], float | None]) -> None:
    """Until cancelled; of several processes whoever comes first does the work, the others find it done. `keep`: for how
    many seconds requests stay in the log, as gateway.yaml says now."""
    await asyncio.sleep(BREATH_SECONDS)
    try:
        await read_ahead(store)
    except Exception:
        log.warning("the first figures could not be read ahead", exc_info=True)
    roller = Roller(store)
    more = False
    while True:
        await asyncio.sleep(BREATH_SECONDS if more else EVERY_SECONDS * random.uniform(0.7, 1.3))
        try:
            more = await roller.step()
            if not more and (seconds := keep()) is not None:
                more = await prune(store, seconds, now_us())
        except Exception:
            more = False
            log.exception("the figures are not up to date; they are tried again")
