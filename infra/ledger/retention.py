"""Takes old requests out of the log, a few at a time; their bills stay in the ledger
(docs/figures.md, How long requests are kept).

A request goes only when it has ended and its day is summed up, and in the same transaction what it was charged and
refunded is added to its user's `pruned_days`: so the audit still proves that every usage entry was a request's bill.
"""

from infra.rollups.figures import DAY_US
from infra.rollups.roller import state
from infra.store.database import Store

BATCH = 200
"""Requests in one transaction: a few milliseconds in which the writer of money waits on SQLite."""
_OLD = "SELECT id FROM requests WHERE created_us < ? AND state IN ('SETTLED', 'VOID') ORDER BY created_us LIMIT ?"
_HORIZON = (
    "UPDATE rollup_state SET version = version + 1, pruned_until_us = ? WHERE version = ? AND rolled_until_us >= ?"
    " AND NOT EXISTS (SELECT 1 FROM rollup_marks WHERE created_us < ?)"
)
_ALONE = "UPDATE rollup_state SET version = version WHERE id = ?"
"""Two processes that prune take turns."""
_COLUMNS = "(user_id, day, requests, bills, charged, refunded)"
_NOTE = (
    f"user_id, created_us / {DAY_US} AS day, 1 AS requests, CASE WHEN charged > 0 THEN 1 ELSE 0 END AS bills,"
    " charged, refunded"
)
_ADD = (
    " ON CONFLICT (user_id, day) DO UPDATE SET requests = pruned_days.requests + 1,"
    " bills = pruned_days.bills + excluded.bills, charged = pruned_days.charged + excluded.charged,"
    " refunded = pruned_days.refunded + excluded.refunded"
)


async def prune(store: Store, keep_seconds: float, now_us: int) -> bool:
    """One batch of what is older than whole days of `keep_seconds`; False where there is nothing (or not yet) to do."""
    until = (now_us - int(keep_seconds * 1_000_000)) // DAY_US * DAY_US
    if not await _horizon(store, until):
        return False
    ids = [(row["id"],) for row in await store.read(_OLD, until, BATCH)]
    if not ids:
        return False
    if store.dialect == "sqlite":
        insert = f"INSERT INTO pruned_days {_COLUMNS} SELECT {_NOTE} FROM requests WHERE id = ?{_ADD}"
        return await store.change((_ALONE, [(1,)]), (insert, ids), ("DELETE FROM requests WHERE id = ?", ids))
    # In one statement: a refund at the same moment is either in what is noted, or finds no request any more.
    gone = f"WITH gone AS (DELETE FROM requests WHERE id = ? RETURNING {_NOTE})"
    return await store.change(
        (_ALONE, [(1,)]), (f"{gone} INSERT INTO pruned_days {_COLUMNS} SELECT * FROM gone{_ADD}", ids)
    )


async def _horizon(store: Store, until_us: int) -> bool:
    """What lies before it is summed up for good: from here on no hour of it is summed up anew."""
    before = await state(store)
    if before.pruned_until_us >= until_us:
        return True
    return await store.change((_HORIZON, [(until_us, before.version, until_us, until_us)]))
