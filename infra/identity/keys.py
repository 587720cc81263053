"""Keys: minting, changing, rotating, revoking. The key itself leaves here once and is kept nowhere.

A revoked key is one that is switched off *and* at its end: it answers 401 like one that never was, for good. One that
is only switched off answers 403 and can be switched on again.

Every write also makes the cache forget, inside the work that no cancellation stops: an admin who leaves in the middle
of a revocation must not leave the key working.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from tortoise.expressions import Q, Subquery
from tortoise.functions import Count
from tortoise.transactions import in_transaction

from infra.config.objects import Limits
from infra.errors import BadRequest, Conflict, NotFound
from infra.identity.key_columns import KeyChange, in_state, key_columns
from infra.identity.keyring import ID_DIGITS, PREFIX, Keyring
from infra.identity.names import NAME_MAX, storable
from infra.store import closed
from infra.store.clock import SECOND_US
from infra.store.cursor import read_cursor, write_cursor
from infra.store.database import Store
from infra.store.models import Key, User
from infra.units import DAYS

GRACE_MAX_SECONDS = 366 * DAYS
_INHERITED = ("name", "owner", "limits_json", "models_json", "expires_us")


class Keys:
    """The verbs. `forget` drops a key from the cache; `clock` gives microseconds since 1970."""

    def __init__(self, store: Store, keyring: Keyring, forget: Callable[[str], None], clock: Callable[[], int]) -> None:
        self._store, self._keyring, self._forget, self._clock = store, keyring, forget, clock

    async def find(self, key_id: str) -> Key:
        """A key by its id or by the prefix that lists show; raises NotFound."""
        plain = key_id.removeprefix(PREFIX)
        found = await Key.get_or_none(id=plain) if storable(plain, ID_DIGITS) else None
        if found is None:
            raise NotFound(f"There is no key with the id {plain[:20]}.")
        return found

    async def all(self, user_id: str | None = None) -> list[Key]:
        """Every key, or those of one user, oldest first."""
        query = Key.all() if user_id is None else Key.filter(user_id=user_id)
        return await query.order_by("created_us", "id")

    async def page(
        self,
        user_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        q: str | None = None,
        state: str | None = None,
    ) -> tuple[list[Key], str | None]:
        """Every key, or those of one user or in one of STATES, oldest first, and the cursor of the next page; no limit:
        all.

        `q` is a part, in any case, of the key's name, of its prefix or of its user's name. Raises BadRequest for a
        cursor that is not ours.
        """
        query = (Key.all() if user_id is None else Key.filter(user_id=user_id)).order_by("created_us", "id")
        if not storable(q or "", NAME_MAX):
            return [], None
        if q:
            owners = User.filter(name__icontains=q).values("id")
            query = query.filter(Q(name__icontains=q) | Q(prefix__icontains=q) | Q(user_id__in=Subquery(owners)))
        if state is not None:
            query = query.filter(in_state(state, self._clock()))
        after = read_cursor(cursor)
        if after is not None:
            query = query.filter(Q(created_us__gt=after[0]) | Q(created_us=after[0], id__gt=after[1]))
        if limit is None:
            return await query, None
        rows = await query.limit(limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        return rows[:limit], None if last is None else write_cursor(last.created_us, last.id)

    async def count_by_user(self, user_ids: Sequence[str] | None = None) -> dict[str, int]:
        """User id → keys that work; of these users alone, or of all."""
        open_keys = Key.filter(Q(expires_us__isnull=True) | Q(expires_us__gt=self._clock()), active=True)
        if user_ids is not None:
            open_keys = open_keys.filter(user_id__in=list(user_ids))
        rows = await open_keys.annotate(n=Count("id")).group_by("user_id").values("user_id", "n")
        return {row["user_id"]: row["n"] for row in rows}

    async def mint(
        self,
        user: User,
        name: str = "default",
        *,
        limits: Limits | None = None,
        models: Sequence[str] | None = None,
        expires_us: int | None = None,
        owner: bool = False,
    ) -> tuple[Key, str]:
        """A new key and its text, shown this once. Raises BadRequest."""
        wanted = KeyChange(name=name, limits=limits or Limits(), models=models, expires_us=expires_us, owner=owner)
        row, text = self._fresh(user.id, key_columns(wanted, self._clock()))
        await self._store.write(row.save)
        return row, text

    async def change(self, key_id: str, **changes: Unpack[KeyChange]) -> Key:
        """The row as it is then. Raises NotFound, BadRequest, Conflict for a revoked key."""
        columns = key_columns(changes, self._clock())

        async def work() -> Key:
            key = await self.find(key_id)
            if self._revoked(key):
                raise Conflict(f"The key {key.prefix} is revoked; mint a new one.")
            return await self._update(key, columns)

        return await self._store.write(work)

    async def revoke(self, key_id: str) -> Key:
        """End a key for good; again is no error. Raises NotFound."""

        async def work() -> Key:
            key, now = await self.find(key_id), self._clock()
            if self._revoked(key):
                return key
            return await self._update(key, {"active": False, "expires_us": min(now, key.expires_us or now)})

        return await self._store.write(work)

    async def rotate(self, key_id: str, grace_seconds: float = 0) -> tuple[Key, str]:
        """A new key with all the old one's properties; the old one ends after the grace. Raises NotFound, BadRequest,
        Conflict where the old key is off, over or replaced already."""
        if not 0 <= grace_seconds <= GRACE_MAX_SECONDS:
            raise BadRequest("grace must be from 0s to 366d.", param="grace")

        async def work() -> tuple[Key, str]:
            old = await self.find(key_id)
            try:
                new = await self._replace(old, grace_seconds)
            finally:
                self._forget(old.id)
            await self._note(await self.find(old.id))
            return new

        return await self._store.write(work)

    async def _replace(self, old: Key, grace_seconds: float) -> tuple[Key, str]:
        now = self._clock()
        end = now + int(grace_seconds * SECOND_US)
        row, text = self._fresh(old.user_id, {name: getattr(old, name) for name in _INHERITED})
        over = old.expires_us is not None and old.expires_us <= now
        async with in_transaction(self._store.connection_name) as connection:
            # The conditional update first: of two rotations at once, in any process, one finds nothing to replace.
            open_key = Key.filter(id=old.id, active=True, replaced_by__isnull=True).using_db(connection)
            taken = not over and await open_key.update(replaced_by=row.id, expires_us=min(end, old.expires_us or end))
            if not taken:
                raise Conflict(f"The key {old.prefix} is switched off, over or already replaced; mint a new one.")
            await row.save(using_db=connection)
        return row, text

    def _fresh(self, user_id: str, columns: dict[str, Any]) -> tuple[Key, str]:
        key_id, text = self._keyring.make()
        digest, prefix = self._keyring.digest(text), PREFIX + key_id
        own = {"id": key_id, "user_id": user_id, "secret_hmac": digest, "prefix": prefix, "created_us": self._clock()}
        return Key(**own, **columns), text

    def _revoked(self, key: Key) -> bool:
        return not key.active and key.expires_us is not None and key.expires_us <= self._clock()

    async def _update(self, key: Key, columns: dict[str, Any]) -> Key:
        try:
            if columns:
                await Key.filter(id=key.id).update(**columns)
        finally:
            self._forget(key.id)
        found = await self.find(key.id)
        if not columns.keys().isdisjoint(("active", "expires_us")):
            await self._note(found)
        return found

    async def _note(self, key: Key) -> None:
        """For a restore of a backup from before, which must not bring the key back."""
        path = closed.closed_file(self._store.url)
        await asyncio.to_thread(closed.note, path, "key", key.id, key.active, key.expires_us)
