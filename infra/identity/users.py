"""Users, but for their money: finding, listing, changing. The ledger makes them, with their first balance."""

import asyncio
import json
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypedDict, Unpack

from infra.config.objects import Limits
from infra.errors import NotFound
from infra.identity.names import NAME_MAX, check_weight, storable
from infra.limits.wire import limits_to_json
from infra.store import closed
from infra.store.database import Store
from infra.store.models import User

_NAMES_COMPARED = 2_000


class UserChange(TypedDict, total=False):
    """What can be changed of a user; what is left out stays."""

    active: bool
    weight: int
    limits: Limits


class Users:
    """The verbs. `forget` drops a user's keys from the cache."""

    def __init__(self, store: Store, forget: Callable[[str], None]) -> None:
        self._store = store
        self._forget = forget

    async def find(self, name_or_id: str) -> User:
        """A user by id or exact name; raises NotFound, with the name that was probably meant."""
        if storable(name_or_id, NAME_MAX):
            # The id first: a name cannot look like one (names.check_name).
            found = await User.get_or_none(id=name_or_id) or await User.get_or_none(name=name_or_id)
            if found is not None:
                return found
        raise NotFound(f"There is no user named {name_or_id[:64]}{await self._near(name_or_id) or '.'}")

    async def page(
        self, q: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> tuple[list[User], str | None]:
        """Users whose name holds `q` in any case, oldest first, and the cursor of the next page; no limit: all."""
        if not storable(q or "", NAME_MAX) or not storable(cursor or "", NAME_MAX):
            return [], None
        query = User.filter(id__gt=cursor or "").order_by("id")
        if q:
            query = query.filter(name__icontains=q)
        if limit is None:
            return await query, None
        rows = await query.limit(limit + 1)
        return rows[:limit], rows[limit - 1].id if len(rows) > limit else None

    async def change(self, user: User, **changes: Unpack[UserChange]) -> User:
        """Switch on or off, weigh, limit; the row as it is then. Raises BadRequest, NotFound."""
        columns: dict[str, Any] = {}
        if "active" in changes:
            columns["active"] = changes["active"]
        if "weight" in changes:
            columns["weight"] = check_weight(changes["weight"])
        if "limits" in changes:
            columns["limits_json"] = json.dumps(limits_to_json(changes["limits"]))

        async def work() -> User:
            try:
                if columns:
                    await User.filter(id=user.id).update(**columns)
            finally:  # in here, so that an admin who leaves meanwhile does not leave the old state in the cache
                self._forget(user.id)
            found = await self.find(user.id)
            if "active" in columns:  # a restore of a backup from before must not undo it
                path = closed.closed_file(self._store.url)
                await asyncio.to_thread(closed.note, path, "user", found.id, found.active)
            return found

        return await self._store.write(work)

    async def _near(self, name: str) -> str:
        newest = await User.all().order_by("-id").limit(_NAMES_COMPARED).values_list("name", flat=True)
        names = {str(each).casefold(): str(each) for each in newest}
        close = get_close_matches(name[:64].casefold(), names, 1)
        return f"; did you mean {names[close[0]]}?" if close else ""
