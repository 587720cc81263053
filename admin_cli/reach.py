"""Finds the gateway: AETHERGATE_URL, else who holds the database, else this process
(docs/design.md, How a command finds the gateway).

Restart recovery belongs to a gateway that serves; a command in-process does its work and leaves.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from admin_cli import place
from admin_cli.trouble import DEBUG, Refusal

if TYPE_CHECKING:
    from infra.client import AdminClient
    from infra.config import DatabaseUrl
    from infra.config.objects import Manifest, Secrets

T = TypeVar("T")


def ask(config: str | None, question: Callable[["AdminClient"], Awaitable[T]], *, serving: bool = False) -> T:
    """The gateway's answer; with `serving` only from one that serves. Raises Refusal, ClientError, ConfigError."""
    from infra.client import ApiError  # here, as everywhere below: httpx takes longer than any command line

    async def work() -> T:
        async with _found(config, serving) as admin:
            try:
                return await question(admin)
            except ApiError as error:
                if error.status == 401:
                    raise Refusal(
                        "the gateway does not take this MASTER_API_KEY: it was started with another"
                    ) from None
                raise

    return asyncio.run(work())


@contextlib.asynccontextmanager
async def _found(config: str | None, serving: bool) -> AsyncIterator["AdminClient"]:
    from infra.client import AdminClient

    url = os.environ.get(place.URL, "").strip()
    if url:
        async with AdminClient(url, token=place.admin_key()) as admin:
            yield admin
        return
    here = place.find(config)
    manifest, secrets = here.manifest(), here.secrets()
    async with _of(manifest, secrets, serving) as admin:
        yield admin


@contextlib.asynccontextmanager
async def _of(manifest: "Manifest", secrets: "Secrets", serving: bool) -> AsyncIterator["AdminClient"]:
    from infra.client import AdminClient
    from infra.runtime.lock import DatabaseLock

    database = place.database(manifest)
    if database.dialect == "postgres":
        url = await _live_instance(database, secrets)
        lock = None
    else:
        lock = DatabaseLock(database.path)
        url = lock.holder()
    if url:
        async with AdminClient(url, token=secrets.master_api_key) as admin:
            yield admin
        return
    if serving:
        raise Refusal("no gateway is running here: `aethergate serve` starts one")
    if lock is not None:
        lock.acquire(None)
    try:
        async with in_process(manifest, secrets) as admin:
            yield admin
    finally:
        if lock is not None:
            lock.release()


@contextlib.asynccontextmanager
async def in_process(manifest: "Manifest", secrets: "Secrets") -> AsyncIterator["AdminClient"]:
    """The admin functions in this process, called as over HTTP."""
    import httpx

    from infra.client import AdminClient
    from infra.runtime.gateway import Gateway

    if not os.environ.get(DEBUG):
        logging.disable(logging.CRITICAL)  # a command says one sentence; the gateway's events are for who serves
    gateway = Gateway.create(manifest, secrets)
    try:
        await gateway.start(serving=False)
        door: Any = httpx.ASGITransport(app=gateway.app, raise_app_exceptions=False, client=("local", 0))
        async with AdminClient(token=secrets.master_api_key, transport=door) as admin:
            yield admin
    finally:
        await gateway.stop()


async def _live_instance(database: "DatabaseUrl", secrets: "Secrets") -> str | None:
    """Where a living gateway on this PostgreSQL answers, as seen from here; None where none does."""
    import asyncpg

    connection = await asyncpg.connect(**database.asyncpg())
    try:
        rows = await connection.fetch(
            "SELECT url FROM instances WHERE url IS NOT NULL AND lease_until_us >="
            " extract(epoch FROM clock_timestamp()) * 1000000 ORDER BY started_us DESC"
        )
    except asyncpg.UndefinedTableError:
        return None  # nobody has migrated it yet
    finally:
        await connection.close()
    for row in rows:
        if await _answers(row["url"], secrets):
            return str(row["url"])
    return None


async def _answers(url: str, secrets: "Secrets") -> bool:
    """An instance may run on another machine, where its address means nothing here, or something else."""
    from infra.client import AdminClient, ClientError

    async with AdminClient(url, token=secrets.master_api_key) as admin:
        try:
            await admin.endpoints()
        except ClientError:
            return False
    return True
