"""Many operations of the past, by the ledger's own rules and its own commit: for making data, not for serving."""

from collections.abc import Sequence

from infra.ledger.operations import Operation, Refused
from infra.ledger.postgres_vault import PostgresVault
from infra.ledger.sqlite_vault import SqliteVault
from infra.store.database import Store

BATCH = 4_000
"""Operations in one transaction."""


class BulkRefused(Exception):
    """The books said no to what the maker of the data was sure of; str() tells which."""


class Bulk:
    """The only one that writes money while it is used: nobody may serve this database meanwhile."""

    def __init__(self, store: Store) -> None:
        self._vault = SqliteVault(store.url.path) if store.dialect == "sqlite" else PostgresVault(store)

    async def __aenter__(self) -> "Bulk":
        await self._vault.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._vault.close()

    async def commit(self, operations: Sequence[Operation]) -> None:
        """One transaction, in this order. Raises BulkRefused, and whatever the driver raises; then nothing of it
        stands (of a refused one its neighbours do)."""
        results, _ = await self._vault.commit(operations)
        for operation, result in zip(operations, results, strict=True):
            if isinstance(result, Refused):
                raise BulkRefused(f"{result.why}: {operation!r}")
