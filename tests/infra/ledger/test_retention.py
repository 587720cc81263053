"""Old requests leave the log; the books still add up, and the figures are the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.config.urls import database_url
from infra.demo.fill import Wish, fill
from infra.journal.journal import Journal
from infra.ledger.audit import audit
from infra.ledger.ledger import Ledger, Refund
from infra.ledger.retention import prune
from infra.rollups.facts import Facts
from infra.rollups.figures import DAY_US
from infra.rollups.roller import Roller, state
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import Request
from tests.infra.demo.test_fill import manifest
from tests.standins.running import SECRETS

WEEK = 7 * 86_400
WISH = Wish(users=20, requests=1_200, days=12, seed=5)


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[Store]:
    await fill(manifest(tmp_path, database), SECRETS, WISH, lambda done, total: None)
    found = Store(database_url(database))
    await found.open()
    yield found
    await found.close()


async def figures(store: Store) -> list[dict[str, Any]]:
    until = now_us() // DAY_US * DAY_US + DAY_US
    days = await Facts(store).grouped(("day", "model"), until - 20 * DAY_US, until, order="day, model")
    return days + await Facts(store).grouped(("user_id",), until - 20 * DAY_US, until, order="user_id")


async def pruned(store: Store) -> int:
    batches = 0
    while await prune(store, WEEK, now_us()):
        batches += 1
    return batches


async def clean(store: Store) -> None:
    report = await audit(store, reprice=True)
    assert report.clean, report.findings


async def test_what_is_pruned_changes_no_figure_and_the_audit_still_proves_the_rest(store: Store) -> None:
    before, edge = await figures(store), (now_us() - WEEK * 1_000_000) // DAY_US * DAY_US
    old = await Request.filter(created_us__lt=edge).count()
    first = await Request.filter(created_us__lt=edge).order_by("created_us").first()
    assert first is not None
    assert await prune(store, WEEK, now_us())
    await clean(store)
    assert await pruned(store) >= 1
    assert old > 200, "more than a batch"
    assert (await Request.all().count(), await Request.filter(created_us__lt=edge).count()) == (1_200 - old, 0)
    assert await figures(store) == before
    await clean(store)
    assert await Journal(store).get(first.id) is None
    [noted] = await store.rows("SELECT SUM(requests) AS n, SUM(charged) AS charged FROM pruned_days")
    assert int(noted["n"]) == old


async def test_the_audit_finds_an_entry_or_a_note_that_is_missing_after_pruning(store: Store) -> None:
    await pruned(store)
    await store.rows("UPDATE pruned_days SET charged = charged + 1 WHERE bills > 0")
    found = {finding.rule for finding in (await audit(store)).findings}
    assert found == {"entries without a request are those of the pruned ones"}


async def test_what_runs_still_or_is_not_summed_up_yet_stays(store: Store) -> None:
    await Roller(store).forget()
    assert await pruned(store) == 0
    old = await Request.filter(state="SETTLED").order_by("created_us").first()
    assert old is not None
    await Request.create(
        id="req_open", state="HELD", instance="i", user_id=old.user_id, key_id="k", endpoint="chat", model="m",
        created_us=old.created_us,
    )  # fmt: skip
    while await Roller(store).step():
        pass
    assert await pruned(store) > 0
    assert await Request.get_or_none(id=old.id) is None
    assert await Request.get_or_none(id="req_open") is not None


async def test_refunds_and_pruning_at_the_same_moment_leave_no_gap(store: Store) -> None:
    edge = (now_us() - WEEK * 1_000_000) // DAY_US * DAY_US
    rows = await Request.filter(created_us__lt=edge, state="SETTLED", charged__gt=0, refunded=0).limit(60)
    ledger = Ledger(store, "inst_test")
    await ledger.start()

    async def refund(row: Request) -> bool:
        try:
            await ledger.post(Refund(row.id, None, "x", "test", "test", "k"))
        except Exception:
            return False
        return True

    done = await asyncio.gather(pruned(store), *(refund(row) for row in rows), pruned(store))
    await ledger.stop()
    while await Roller(store).step():
        pass
    await pruned(store)
    assert await Request.filter(created_us__lt=edge).count() == 0
    assert sum(bool(each) for each in done[1:-1]) <= 60
    await clean(store)


async def test_sums_that_are_rebuilt_keep_what_was_pruned(store: Store) -> None:
    before = await figures(store)
    await pruned(store)
    assert (await state(store)).pruned_until_us > 0
    await Roller(store).forget()
    assert await figures(store) == before
    while await Roller(store).step():
        pass
    assert await figures(store) == before
