"""The owner's switch of each backend, kept in the database so that every process and every restart knows it."""

from typing import TYPE_CHECKING

from infra.store.clock import now_us

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway


async def refresh(gateway: "Gateway") -> None:
    """What is switched off now, whoever did it."""
    rows = await gateway.store.rows("SELECT backend FROM drained_backends")
    gateway.pool.drain({row["backend"] for row in rows})


async def switch(gateway: "Gateway", backend: str, on: bool) -> bool:
    """In force here at once, elsewhere within seconds; False where it was so already."""
    before = await gateway.store.rows("SELECT backend FROM drained_backends WHERE backend = ?", backend)
    if on:
        sql = "INSERT INTO drained_backends (backend, since_us) VALUES (?, ?) ON CONFLICT (backend) DO NOTHING"
        await gateway.store.rows(sql, backend, now_us())
    else:
        await gateway.store.rows("DELETE FROM drained_backends WHERE backend = ?", backend)
    await refresh(gateway)
    return bool(before) != on
