"""The two answers that hold a key: a new one, and one in the place of another."""

from typing import Any

from quart import Response

from functions.admin_keys.schema import NewKey, Rotation, owned, properties, seconds
from infra.runtime.call import Call
from infra.store.clock import now_us
from infra.store.models import Key


async def mint(call: Call) -> Response:
    """POST /admin/keys."""
    wanted, identity = await call.read(NewKey), call.gateway.identity
    user = await identity.users.find(wanted.username)
    said = properties(wanted, {}, call.gateway.catalogue.ids(), now_us())
    key, secret = await identity.keys.mint(
        user,
        said.get("name", "default"),
        limits=said.get("limits"),
        models=said.get("models"),
        expires_us=said.get("expires_us"),
        owner=said.get("owner", False),
    )
    return await _shown_once(call, "key.mint", key, secret, None)


async def rotate(call: Call) -> Response:
    """POST /admin/keys/{id}/rotate."""
    keys, grace = call.gateway.identity.keys, seconds((await call.read(Rotation)).grace, "grace")
    old = await keys.find(call.params["id"])
    before = await owned(old)
    key, secret = await keys.rotate(old.id, grace)
    return await _shown_once(call, "key.rotate", key, secret, before)


async def _shown_once(call: Call, action: str, key: Key, secret: str, before: dict[str, Any] | None) -> Response:
    call.secret_answer = True
    shown = await owned(key)
    await call.audit(action, (before or shown)["key_prefix"], before, shown)
    return call.answer({"key": secret, **shown}, 201)
