"""Sign-in: from the headers of a request to a caller or an actor."""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence

from infra.config.objects import Secrets
from infra.errors import AdminRequired, GatewayError, KeyDisabled, KeyInvalid, RateLimited
from infra.identity import presented
from infra.identity.brakes import Brakes
from infra.identity.cache import KeyCache
from infra.identity.caller import Actor, Caller, Known
from infra.identity.keyring import Keyring, mask
from infra.identity.keys import Keys
from infra.identity.last_used import LastUsed
from infra.identity.sessions import Sessions
from infra.identity.users import Users
from infra.ledger.patience import soon
from infra.limits.wire import limits_from_json
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import Key, User

BAD_KEYS_PER_MINUTE = 100
BAD_ADMIN_KEYS_PER_MINUTE = 10
REFRESHED_MAX = 200
"""Keys that are read anew together."""
SESSION_ACTOR = "admin session"
"""Who acts with a session's token rather than the admin key."""
NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY)."
)
NO_ADMIN_KEY = "You didn't provide the admin key. Send it in the header x-admin-key, or as Authorization: Bearer."


class Identity:
    """One per gateway; holds the cache, the brakes and the verbs of users and keys. `clock`: microseconds, UTC."""

    def __init__(self, store: Store, secrets: Secrets, clock: Callable[[], int] = now_us) -> None:
        self._keyring = Keyring(secrets.secret_key)
        self._master = secrets.master_api_key
        self._clock = clock
        self._sessions = Sessions(self._keyring.session_key(self._master), clock, store)
        self._cache = KeyCache(_read)
        self._last_used = LastUsed(store)
        self._bad_keys = Brakes(BAD_KEYS_PER_MINUTE)
        self._bad_admin_keys = Brakes(BAD_ADMIN_KEYS_PER_MINUTE)
        self.users = Users(store, lambda user_id: self.forget(user_id=user_id))
        self.keys = Keys(store, self._keyring, lambda key_id: self.forget(key_id=key_id), clock)

    async def caller(self, headers: Mapping[str, str], address: str) -> Caller:
        """The user of a request's key. Raises KeyInvalid (401), KeyDisabled (403), RateLimited (429) for one wrong key
        too many from this address, BillingUnavailable (503) where an unknown key cannot be looked up."""
        text = presented.user_key(headers)
        if text is None:
            raise KeyInvalid(NO_KEY)
        known = await self._known(text)
        if known is None:
            raise await self._wrong(self._bad_keys, self._wrong_key(text), address)
        if known.expires_us is not None and known.expires_us <= self._clock():
            ended = "has expired" if known.key_active else "was revoked"
            raise KeyInvalid(f"Incorrect API key provided: {mask(text)}. This key {ended}.")
        if not known.key_active:
            raise KeyDisabled("This API key is switched off.")
        if not known.user_active:
            raise KeyDisabled("The account of this API key is switched off.")
        self._last_used.note(known.caller.key_id, self._clock())
        return known.caller

    async def admin(self, headers: Mapping[str, str], address: str) -> Actor:
        """Who acts on the admin API. Raises KeyInvalid (401), AdminRequired (403) for a user's key, RateLimited (429)
        for one wrong key too many from this address."""
        text = presented.admin_key(headers)
        if text is None:
            raise KeyInvalid(NO_ADMIN_KEY)
        if self._is_master(text):
            return Actor("admin")
        ends_at = self._sessions.ends_at(text)
        if ends_at is not None:
            return Actor(SESSION_ACTOR, ends_at, self._sessions.claim_of(text))
        if await self._known(text) is not None:
            raise AdminRequired(
                "This is a user's API key; the admin API takes the admin key, in the header x-admin-key."
            )
        wrong = "Incorrect API key provided: it is neither the admin key nor a session that still runs."
        raise await self._wrong(self._bad_admin_keys, wrong, address)

    def session(self) -> tuple[str, int]:
        """A token that stands for the admin key, and the epoch second at which it ends (8 hours)."""
        return self._sessions.issue()

    def session_ended(self, claim: str) -> bool:
        """Whether a session was ended before its time, as far as this process knows."""
        return self._sessions.ended(claim)

    async def end_session(self, claim: str) -> None:
        """Ends a session for good: here at once, elsewhere within 5 s. Raises the database driver's errors."""
        await self._sessions.end(claim)

    def forget(self, *, key_id: str | None = None, user_id: str | None = None) -> None:
        """Read anew what the next request needs: one key, all keys of a user, or, without arguments, everything."""
        self._cache.forget(key_id=key_id, user_id=user_id)

    async def refresh(self) -> None:
        """The same for everything, but those who asked lately need not wait for it; and which sessions have ended.
        Raises BillingUnavailable, and the database driver's errors."""
        await self._cache.refresh(_read_all, REFRESHED_MAX)
        await self._sessions.refresh()

    async def flush_last_used(self) -> int:
        """Write when keys were last used; returns how many. For every half a minute and before the end."""
        return await self._last_used.flush()

    async def _known(self, text: str) -> Known | None:
        """What is known of a key that is truly ours; a text that is not never gets as far as the database."""
        known = self._cache.remembered(self._keyring.claimed_id(text))
        if known is None:  # else the digest alone decides: the checksum only keeps made-up ids from the database
            key_id = self._keyring.public_id(text)
            known = await self._cache.get(key_id) if key_id is not None else None
        if known is None or not hmac.compare_digest(known.secret_hmac, self._keyring.digest(text)):
            return None
        return known

    def _is_master(self, text: str) -> bool:
        return bool(self._master) and self._keyring.same(text, self._master)

    def _wrong_key(self, text: str) -> str:
        if self._is_master(text):  # not to be shown, not even its ends
            return "Incorrect API key provided: this is the admin key. It opens /admin; here it takes a user's key."
        return f"Incorrect API key provided: {mask(text)}. You get one from the owner of this gateway."

    async def _wrong(self, brakes: Brakes, message: str, address: str) -> GatewayError:
        wait = await brakes.count(address)
        if wait is None:
            return KeyInvalid(message)
        return RateLimited(
            f"{message} Too many wrong keys came from your address.", retry_after=wait, should_retry=False
        )


async def _read(key_id: str) -> Known | None:
    """A key and its user from the database; None where there is none. Raises BillingUnavailable."""
    return (await _read_all([key_id])).get(key_id)


async def _read_all(key_ids: Sequence[str]) -> dict[str, Known]:
    """Those of them that there are. Raises BillingUnavailable."""
    return await soon(_found(key_ids))


async def _found(key_ids: Sequence[str]) -> dict[str, Known]:
    keys = await Key.filter(id__in=key_ids)
    users = {user.id: user for user in await User.filter(id__in={key.user_id for key in keys})} if keys else {}
    return {key.id: _known(key, users[key.user_id]) for key in keys if key.user_id in users}


def _known(key: Key, user: User) -> Known:
    caller = Caller(
        user_id=user.id,
        user_name=user.name,
        key_id=key.id,
        key_name=key.name,
        key_limits=limits_from_json(json.loads(key.limits_json)),
        user_limits=limits_from_json(json.loads(user.limits_json)),
        models=None if key.models_json is None else frozenset(json.loads(key.models_json)),
        weight=user.weight,
        owner=key.owner,
    )
    return Known(caller, key.secret_hmac, key.expires_us, key.active, user.active)
