"""Making and changing users; listing.py is the rest."""

import asyncio

from quart import Response

from functions.admin_users.listing import show_all, shown
from functions.admin_users.schema import ChangedUser, NewUser, balance_nano, changes, limits_json, settings, view
from infra.identity.names import check_name, check_weight
from infra.journal.people import Habit
from infra.runtime.call import Call


async def handle(call: Call) -> Response:
    """Raises BadRequest 400, NotFound 404 ("did you mean"), Conflict 409 for a name that is taken."""
    do = DO[call.method.replace("HEAD", "GET"), "id" in call.params]
    # An admin who leaves in the middle stops neither a change nor its line in the audit log.
    return await asyncio.shield(call.gateway.spawn(do(call), name=f"admin-{call.id}"))


async def create(call: Call) -> Response:
    """POST /admin/users; the ledger makes the user, the first balance and the audit event in one transaction."""
    said = await call.read(NewUser)
    name, balance, weight = check_name(said.username), balance_nano(said), check_weight(said.weight)
    limits, ledger = limits_json(said.limits), call.gateway.ledger
    user = await ledger.open_user(
        name, balance, weight=weight, limits_json=limits, actor=call.actor, address=call.address
    )
    call.gateway.told.changed("user.create", user.name, call.actor)
    return call.answer(view(user, 0, Habit()), 201)


async def show(call: Call) -> Response:
    """GET /admin/users/{id}."""
    user = await call.gateway.identity.users.find(call.params["id"])
    return call.answer((await shown(call, [user]))[0])


async def change(call: Call) -> Response:
    """PATCH /admin/users/{id}."""
    wanted, identity = changes(await call.read(ChangedUser)), call.gateway.identity
    user = await identity.users.find(call.params["id"])
    [before] = await shown(call, [user])
    changed = await identity.users.change(user, **wanted)
    after = before | settings(changed)
    if before != after:
        await call.audit("user.change", user.name, before, after)
    return call.answer(after)


DO = {("GET", False): show_all, ("POST", False): create, ("GET", True): show, ("PATCH", True): change}
