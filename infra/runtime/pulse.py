"""What must happen again and again while the gateway runs."""

import asyncio
import logging
from typing import TYPE_CHECKING

from infra.errors import GatewayError
from infra.limits import vaults as windows
from infra.runtime import replays

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway

log = logging.getLogger("aethergate.pulse")

CHECKPOINT_SECONDS = 1.0
LEASE_EVERY = 5
"""Beats between two renewals of the lease, which lasts 15 s."""
QUIET_BEATS = 20
"""After a database that was away nobody is declared dead for so long: the others could not renew their leases."""
LOOK_AROUND_EVERY = 3
"""Beats between two looks at what other processes on the same database changed: a key revoked there is refused here
within 5 s (DESIGN.md section 9)."""
LAST_USED_EVERY = 30
PRUNE_EVERY = 600


async def beat(gateway: "Gateway", serving: bool) -> None:
    """Once a second until cancelled; a beat that fails is logged and the next one comes."""
    count, failed_at = 0, -QUIET_BEATS
    while True:
        await asyncio.sleep(CHECKPOINT_SECONDS)
        count += 1
        try:
            await _once(gateway, count, serving, settled=count - failed_at > QUIET_BEATS)
        except GatewayError as error:
            log.warning("a beat failed: %s", error.message)
            failed_at = count
        except Exception:
            log.exception("a beat failed")
            failed_at = count


async def _once(gateway: "Gateway", count: int, serving: bool, settled: bool) -> None:
    for relay in list(gateway.relays.values()):
        checkpoint = relay.checkpoint()
        if checkpoint is not None:
            gateway.ledger.progress(checkpoint)
    if serving and count % LEASE_EVERY == 0:
        await gateway.ledger.renew(gateway.url)
        if settled:
            await gateway.ledger.recover(all_others=False)
    if not gateway.alone and count % LOOK_AROUND_EVERY == 0:
        gateway.identity.forget()
        await gateway.catalogue.refresh()
    if count % LAST_USED_EVERY == 0:
        await gateway.identity.flush_last_used()
    if count % PRUNE_EVERY == 0:
        await gateway.store.write(replays.prune)
        if not gateway.alone:
            await windows.prune(gateway.store)
