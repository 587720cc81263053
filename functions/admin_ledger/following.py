"""The proof of the books told while it goes on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

from quart import Response

from functions.admin_ledger.schema import reported
from infra.ledger.audit import Progress, audit
from infra.live.events import encoded
from infra.runtime import replies
from infra.runtime.call import Call

TOLD_SECONDS = 0.5
"""How often at most it is told how far the check is."""


def followed(call: Call, *, reprice: bool) -> Response:
    """Events `progress`, then one `report`. Who leaves stops the check after the rule under way."""
    return replies.stream(_events(call, reprice))


async def _events(call: Call, reprice: bool) -> AsyncIterator[bytes]:
    latest, told = list[Progress](), None

    def say(progress: Progress) -> None:
        latest[:] = [progress]

    work = audit(call.gateway.store, reprice=reprice, say=say)
    checking = call.gateway.spawn(work, name=f"audit-{call.id}")

    def left() -> None:
        checking.cancel()

    call.at_end(left)
    while not checking.done():
        await asyncio.wait({checking}, timeout=TOLD_SECONDS)
        if latest and latest[0] is not told:
            told = latest[0]
            yield encoded("progress", asdict(told))
        else:
            yield replies.comment("checking")
    yield encoded("report", reported(await checking))
