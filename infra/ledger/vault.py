"""What a writer needs of a database: commit a batch of operations, whole or not at all."""

from collections.abc import Sequence
from typing import Any, Protocol

LEASE_SECONDS = 15
"""How long a process owns its holds after its last sign of life (docs/ledger.md, Leases and recovery)."""
COMMIT_SECONDS_MAX = 1.5
"""After this long without a commit, spending is refused: 503 `billing_unavailable`."""


class Vault(Protocol):
    """One connection to the tables of one room, used by one task; the room's operations and results are its own."""

    @property
    def impossible(self) -> tuple[type[Exception], ...]:
        """Errors that say that an operation itself cannot be written, however often it is tried."""
        ...

    async def open(self) -> None:
        """Connects; again after a failure."""
        ...

    async def close(self) -> None:
        """Disconnects."""
        ...

    async def commit(self, operations: Sequence[Any]) -> tuple[list[Any], dict[str, tuple[int, int]]]:
        """Decides and stores the batch in one transaction; results in order, and (money) balance and held of the
        accounts it touched. Raises whatever the driver raises; then nothing is stored."""
        ...
