"""Who is calling: keys, users, the admin key and its sessions.

    identity = Identity(store, secrets)
    caller = await identity.caller(headers, address)     # KeyInvalid 401, KeyDisabled 403, RateLimited 429
    actor = await identity.admin(headers, address)       # KeyInvalid 401, AdminRequired 403, RateLimited 429
    token, expires_at = identity.session()               # for the control room, 8 hours
    await identity.flush_last_used()                     # every half a minute and at the end

    user = await identity.users.find("bob")              # by name or id; NotFound "did you mean rob?"
    user = await identity.users.change(user, active=False)
    rows, cursor = await identity.users.page(q="bo", limit=50)
    key, text = await identity.keys.mint(user, "default", limits=Limits(requests=rate("60/m")))
    key, text = await identity.keys.rotate(key.id, grace_seconds=3600)
    key = await identity.keys.change(key.id, active=False)
    key = await identity.keys.revoke(key.id)

The verbs of users and keys forget what they changed in the cache by themselves; who changes a row by another way calls
`identity.forget(key_id=…)`, `identity.forget(user_id=…)` or `identity.forget()` for all. A user is made by the ledger,
with the first balance; `names.check_name` is the rule for the name.
"""

from infra.identity.caller import Actor, Caller
from infra.identity.identity import Identity

__all__ = ["Actor", "Caller", "Identity"]
