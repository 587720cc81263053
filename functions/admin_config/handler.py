"""Showing, checking, planning and applying gateway.yaml."""

import asyncio
from pathlib import Path

from quart import Response

from functions.admin_config.schema import Nothing, checked, faults_of, refused
from functions.admin_config.touched import with_touched
from infra.config import ConfigError, notes
from infra.config import show as shown
from infra.runtime.call import Call


async def handle(call: Call) -> Response:
    """Raises BadRequest 400 where plan or apply meet a faulty file."""
    do = DO.get(call.path.rpartition("/")[2], show)
    # An admin who leaves in the middle stops neither a change nor its line in the audit log.
    try:
        return await asyncio.shield(call.gateway.spawn(do(call), name=f"admin-{call.id}"))
    except ConfigError as error:
        raise refused(error) from None


async def show(call: Call) -> Response:
    """GET /admin/config."""
    return call.answer({**shown(call.gateway.manifest), "overrides": call.gateway.catalogue.overrides()})


async def check(call: Call) -> Response:
    """POST /admin/config/check."""
    await call.read(Nothing)
    gateway = call.gateway
    try:
        manifest = await asyncio.to_thread(gateway.read_manifest)
    except ConfigError as error:
        return call.answer(checked(gateway, faults_of(error, gateway.manifest.path), []))
    return call.answer(checked(gateway, [], notes(manifest), manifest))


async def plan(call: Call) -> Response:
    """POST /admin/config/plan."""
    await call.read(Nothing)
    gateway = call.gateway
    manifest = await asyncio.to_thread(gateway.read_manifest)
    changes = await with_touched(gateway.store, gateway.changes(manifest))
    return call.answer({"changes": changes, "overrides": gateway.catalogue.overrides(manifest)})


async def apply(call: Call) -> Response:
    """POST /admin/config/apply."""
    await call.read(Nothing)
    changes = await with_touched(call.gateway.store, await call.gateway.reload())
    await call.gateway.live.tell_others("apply")
    await call.audit("config.apply", Path(call.gateway.manifest.path).name, None, changes)
    return call.answer({"changes": changes, "overrides": call.gateway.catalogue.overrides()})


DO = {"check": check, "plan": plan, "apply": apply}
