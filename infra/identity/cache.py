"""What is remembered of keys, so that a request reads no database.

Filled on demand and bounded; ids that do not exist are remembered too, apart, so that they push nothing out. Requests
that miss the same key at once share one read.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from infra.identity.caller import Known

KNOWN_MAX = 20_000
UNKNOWN_MAX = 1_000


class KeyCache:
    """Public id → Known. `read` looks into the database; None: there is no such key."""

    def __init__(
        self,
        read: Callable[[str], Awaitable[Known | None]],
        known_max: int = KNOWN_MAX,
        unknown_max: int = UNKNOWN_MAX,
    ) -> None:
        self._read = read
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._unknown: OrderedDict[str, None] = OrderedDict()
        self._known_max, self._unknown_max = known_max, unknown_max
        self._flights: dict[str, asyncio.Task[Known | None]] = {}
        self._known_since = object()
        """Another one after everything that was forgotten."""

    async def get(self, key_id: str) -> Known | None:
        """What is known of a key; raises what `read` raises, and remembers nothing then."""
        found = self.remembered(key_id)
        if found is not None:
            return found
        if key_id in self._unknown:
            return None
        flight = self._flights.get(key_id)
        if flight is None:
            flight = self._flights[key_id] = asyncio.create_task(self._fetch(key_id))
        return await asyncio.shield(flight)  # who leaves must not take the read away from the others

    def remembered(self, key_id: str) -> Known | None:
        """What is known of a key without a look into the database."""
        found = self._known.get(key_id)
        if found is not None:
            self._known.move_to_end(key_id)
        return found

    def forget(self, *, key_id: str | None = None, user_id: str | None = None) -> None:
        """Forget one key, all keys of a user, or everything."""
        self._known_since = object()
        # A read under way may have seen the row as it was before: nobody new joins it, and it is not kept.
        self._flights.clear()
        if key_id is not None:
            self._known.pop(key_id, None)
            self._unknown.pop(key_id, None)
        if user_id is not None:
            for known in [each for each in self._known.values() if each.caller.user_id == user_id]:
                del self._known[known.caller.key_id]
        if key_id is None and user_id is None:
            self._known.clear()
            self._unknown.clear()

    async def refresh(self, read: Callable[[Sequence[str]], Awaitable[Mapping[str, Known]]], most: int) -> None:
        """Reads anew, all together, the keys that were used last, and forgets all others: what nobody waits for is not
        read one by one by those who come next. Raises what `read` raises, and forgets everything then."""
        wanted, self._known_since = list(reversed(self._known))[:most], object()
        since, found = self._known_since, dict[str, Known]()
        try:
            found = dict(await read(wanted)) if wanted else {}
        finally:
            unchanged = since is self._known_since  # else one of them was changed here meanwhile
            self.forget()
            if unchanged:
                self._known.update((key_id, found[key_id]) for key_id in reversed(wanted) if key_id in found)

    def __len__(self) -> int:
        """How many keys are remembered, those that do not exist included."""
        return len(self._known) + len(self._unknown)

    async def _fetch(self, key_id: str) -> Known | None:
        me = asyncio.current_task()
        try:
            found = await self._read(key_id)
            if self._flights.get(key_id) is me:
                self._keep(key_id, found)
            return found
        finally:
            if self._flights.get(key_id) is me:
                del self._flights[key_id]

    def _keep(self, key_id: str, found: Known | None) -> None:
        if found is None:
            self._unknown[key_id] = None
            if len(self._unknown) > self._unknown_max:
                self._unknown.popitem(last=False)
        else:
            self._known[key_id] = found
            if len(self._known) > self._known_max:
                self._known.popitem(last=False)
