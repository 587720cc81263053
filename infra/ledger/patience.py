"""How long spending waits for the database: what takes longer, or fails, is 503 `billing_unavailable`."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
from tortoise.exceptions import BaseORMException

from infra.errors import BillingUnavailable
from infra.ledger.vault import COMMIT_SECONDS_MAX

T = TypeVar("T")
FAILURES = (BaseORMException, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database that is away looks like beside the writer; a TimeoutError is an OSError."""
_late: set[asyncio.Future[Any]] = set()


def unavailable() -> BillingUnavailable:
    """In the words of every such refusal."""
    return BillingUnavailable("Billing is unavailable at the moment, please try again.")


async def soon(work: "Coroutine[Any, Any, T] | asyncio.Future[T]") -> T:
    """What this reads or writes, within 1.5 s; else BillingUnavailable, and the work goes on unheard.

    It is not cancelled: a server that does not answer does not answer a cancellation either.
    """
    task: asyncio.Future[T] = asyncio.ensure_future(work)
    _late.add(task)
    task.add_done_callback(_over)
    await asyncio.wait({task}, timeout=COMMIT_SECONDS_MAX)
    if not task.done():
        raise unavailable()
    try:
        return task.result()
    except FAILURES as error:
        raise unavailable() from error


def _over(task: "asyncio.Future[Any]") -> None:
    _late.discard(task)
    if not task.cancelled():
        task.exception()  # read once, so that nobody is warned of what came too late
