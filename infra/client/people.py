"""Users and their keys at the admin API."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.client.door import Amount, Answer, Verbs, once, segment


class People(Verbs):
    """The verbs of users and keys."""

    async def users(
        self, q: str | None = None, limit: int | None = None, cursor: str | None = None, sort: str | None = None
    ) -> Answer:
        """Users, all or those whose name holds `q`; `sort` as "name", or "-spent" for the largest first."""
        query = {"q": q, "sort": sort, "limit": limit, "cursor": cursor}
        return await self._door.ask("GET", "/admin/users", query=query)

    async def user(self, name_or_id: str) -> Answer:
        """One user with balance and what is held of it."""
        return await self._door.ask("GET", f"/admin/users/{segment(name_or_id)}")

    async def add_user(
        self,
        username: str,
        balance: Amount = "0",
        *,
        weight: int | None = None,
        limits: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """A new user with a first balance; 409 where there is one of that name."""
        body = {"username": username, "balance": balance, "weight": weight, "limits": limits}
        return await self._door.ask("POST", "/admin/users", body=body, idempotency_key=idempotency_key or once())

    async def change_user(
        self,
        name_or_id: str,
        *,
        active: bool | None = None,
        weight: int | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Changes what is given; the rest stays."""
        body = {"active": active, "weight": weight, "limits": limits}
        return await self._door.ask("PATCH", f"/admin/users/{segment(name_or_id)}", body=body)

    # --- keys ---------------------------------------------------------------------------------------------------------

    async def keys(
        self,
        user: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        q: str | None = None,
        state: str | None = None,
    ) -> Answer:
        """Keys, all or one user's, those in one `state`, those whose name, prefix or user's name holds `q`; never their
        secrets."""
        query = {"user": user, "q": q, "state": state, "limit": limit, "cursor": cursor}
        return await self._door.ask("GET", "/admin/keys", query=query)

    async def add_key(
        self,
        username: str,
        *,
        name: str | None = None,
        rate_limit: str | None = None,
        limits: Mapping[str, Any] | None = None,
        models: Sequence[str] | None = None,
        expires: str | None = None,
        owner: bool | None = None,
    ) -> Answer:
        """A new key; `key` in the answer is shown this once. `rate_limit` as "60/m", `expires` as "90d"."""
        body: Answer = {"username": username, "name": name, "rate_limit": rate_limit, "limits": limits}
        body |= {"models": list(models) if models else None, "expires": expires, "owner": owner}
        return await self._door.ask("POST", "/admin/keys", body=body)

    async def change_key(self, key_id: str, **fields: Any) -> Answer:
        """Changes what is named: active, name, rate_limit, limits, models, expires, owner; None lifts the last five."""
        return await self._door.ask("PATCH", f"/admin/keys/{segment(key_id)}", body=fields, nulls=True)

    async def revoke_key(self, key_id: str) -> Answer:
        """Ends a key for good."""
        return await self._door.ask("DELETE", f"/admin/keys/{segment(key_id)}")

    async def rotate_key(self, key_id: str, grace: str | None = None) -> Answer:
        """A new key in place of an old one, which still works for `grace` ("1h")."""
        return await self._door.ask("POST", f"/admin/keys/{segment(key_id)}/rotate", body={"grace": grace})
