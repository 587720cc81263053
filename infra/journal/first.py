"""Reads once what the control room's first page is made of, so that whoever opens it does not wait for the disk."""

from infra.journal.figures import overview, sums
from infra.journal.series import Asked, series
from infra.rollups.figures import DAY_US, HOUR_US
from infra.store.clock import now_us
from infra.store.database import Store

_DAYS = 7
"""What it shows where nobody chose."""


async def read_ahead(store: Store) -> None:
    """One question after the other; the answers are thrown away, what they were read from stays in memory."""
    now = now_us()
    hour = now // HOUR_US * HOUR_US
    for days in (1, 30):
        await sums(store, days, now)
    for by in ("user", "model"):
        await series(store, Asked("hour", hour - _DAYS * DAY_US, hour + HOUR_US, by, {}))
    await overview(store, _DAYS, now)
