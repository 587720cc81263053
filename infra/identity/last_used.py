"""When each key was last used, without a write per request."""

from infra.store.database import Store
from infra.store.models import Key

_ROWS_PER_STATEMENT = 500


class LastUsed:
    """Collected in memory, written together; a machine that dies loses the last half a minute of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at_us: dict[str, int] = {}

    def note(self, key_id: str, at_us: int) -> None:
        """A key was used now."""
        self._at_us[key_id] = at_us

    async def flush(self) -> int:
        """Write what was collected and return how many keys; what could not be written waits for the next time."""
        if not self._at_us:
            return 0
        taken, self._at_us = self._at_us, {}
        rows = [Key(id=key_id, last_used_us=at_us) for key_id, at_us in taken.items()]

        async def write() -> None:
            await Key.bulk_update(rows, ["last_used_us"], batch_size=_ROWS_PER_STATEMENT)

        try:
            await self._store.write(write)
        except Exception:
            self._at_us = {**taken, **self._at_us}
            raise
        return len(taken)
