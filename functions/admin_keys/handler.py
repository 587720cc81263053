"""Changing and revoking keys; listing.py and minting.py are the rest."""

import asyncio
from typing import Any

from quart import Response

from functions.admin_keys.listing import show_all
from functions.admin_keys.minting import mint, rotate
from functions.admin_keys.schema import ChangedKey, owned, properties
from infra.runtime.call import Call
from infra.store.clock import now_us
from infra.store.models import Key


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, NotFound 404 ("did you mean"), Conflict 409 for a key that is over."""
    do = DO[call.method.replace("HEAD", "GET"), "id" in call.params]
    # An admin who leaves in the middle stops neither a change nor its line in the audit log.
    return await asyncio.shield(call.gateway.spawn(do(call), name=f"admin-{call.id}"))


async def show(call: Call) -> Response:
    """GET /admin/keys/{id}."""
    return call.answer(await owned(await call.gateway.identity.keys.find(call.params["id"])))


async def change(call: Call) -> Response:
    """PATCH /admin/keys/{id}."""
    wanted, keys = await call.read(ChangedKey), call.gateway.identity.keys
    key = await keys.find(call.params["id"])
    before = await owned(key)
    said = properties(wanted, before["limits"], call.gateway.catalogue.ids(), now_us())
    return await _changed(call, "key.change", before, await keys.change(key.id, **said))


async def revoke(call: Call) -> Response:
    """DELETE /admin/keys/{id}; again is no error."""
    keys = call.gateway.identity.keys
    key = await keys.find(call.params["id"])
    return await _changed(call, "key.revoke", await owned(key), await keys.revoke(key.id))


async def _changed(call: Call, action: str, before: dict[str, Any], key: Key) -> Response:
    after = await owned(key)
    if after != before:
        await call.audit(action, key.prefix, before, after)
    return call.answer(after)


DO = {("GET", False): show_all, ("POST", False): mint, ("GET", True): show, ("PATCH", True): change}
DO |= {("DELETE", True): revoke, ("POST", True): rotate}
