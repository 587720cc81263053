"""What must happen again and again while the gateway runs."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from infra.backends.share_vaults import forget_the_dead
from infra.errors import GatewayError
from infra.limits import vaults as windows
from infra.runtime import drains, replays

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway

log = logging.getLogger("aethergate.pulse")

CHECKPOINT_SECONDS = 1.0
LEASE_EVERY = 5
"""Beats between two renewals of the lease, which lasts 15 s."""
RECOVER_EVERY = 2
"""Beats between two looks for the dead: a lease of 15 s and this are less than the 20 s that are promised."""
QUIET_BEATS = 20
"""After a database that was away nobody is declared dead for so long: the others could not renew their leases."""
QUIET_BEATS_FIRST = 8
"""The same for a process that is new and does not know whether the database was away: two renewals of the others."""
LOOK_AROUND_EVERY = 3
"""Beats between two looks at what other processes on the same database changed: a key revoked there is refused here
within 5 s (docs/design.md, One machine, then many)."""
LAST_USED_EVERY = 30
PRUNE_EVERY = 600


class _Beats:
    """What the beats remember of each other."""

    def __init__(self) -> None:
        self.count = 0
        self.renewed = 0
        """The beat of the last renewal that worked: one that failed comes again at once, not 5 s later."""
        self.quiet_until = QUIET_BEATS_FIRST


async def beat(gateway: "Gateway", serving: bool) -> None:
    """Once a second until cancelled; a beat that fails is logged and the next one comes."""
    beats = _Beats()
    while True:
        await asyncio.sleep(CHECKPOINT_SECONDS)
        beats.count += 1
        if not await _done(_keep_the_money(gateway, beats, serving)):
            beats.quiet_until = beats.count + QUIET_BEATS
        # Apart: what goes wrong here must not keep the holds of the dead from being resolved.
        await _done(_look_around(gateway, beats.count, serving))


async def _done(part: Coroutine[Any, Any, None]) -> bool:
    try:
        await part
    except GatewayError as error:
        log.warning("a beat failed: %s", error.message)
        return False
    except Exception:
        log.exception("a beat failed")
        return False
    return True


async def _keep_the_money(gateway: "Gateway", beats: _Beats, serving: bool) -> None:
    """Checkpoints, our lease, and the holds of the dead."""
    count = beats.count
    for relay in list(gateway.relays.values()):
        checkpoint = relay.checkpoint()
        if checkpoint is not None:
            gateway.ledger.progress(checkpoint)
            if relay.sending.seat is not None:
                relay.sending.seat.goes_on()
    if serving and (count - beats.renewed >= LEASE_EVERY or gateway.lease.over):  # who stood still missed beats
        await renew(gateway)
        beats.renewed = count
    if serving and gateway.alone and count % RECOVER_EVERY == 0:
        await gateway.ledger.recover(all_others=True)
    elif serving and not gateway.alone:
        await _resolve_the_dead(gateway, beats)


async def _resolve_the_dead(gateway: "Gateway", beats: _Beats) -> None:
    """Those of this machine as soon as they are gone, the others when their lease tells."""
    await gateway.ledger.bury()
    if beats.count % RECOVER_EVERY:
        await gateway.ledger.recover(all_others=False, gone=True)
        return
    if await gateway.ledger.clock.jumped():
        log.warning("the clock was set: until everybody has renewed, no lease tells who is dead")
        beats.quiet_until = beats.count + QUIET_BEATS
        if gateway.pool.sharing is not None:
            gateway.pool.sharing.failed()
    await gateway.ledger.recover(all_others=False, gone=beats.count <= beats.quiet_until)


async def renew(gateway: "Gateway") -> None:
    """Prolongs this process's lease. Raises BillingUnavailable."""
    asked = gateway.lease.clock()
    await gateway.ledger.renew(gateway.url)
    if gateway.lease.renewed(asked) and gateway.pool.sharing is not None:
        gateway.pool.sharing.lapsed()


async def _look_around(gateway: "Gateway", count: int, serving: bool) -> None:
    """What other processes changed, and what is tidied up now and then."""
    if serving and not gateway.alone:
        await gateway.live.beat()
    if not gateway.alone and count % LOOK_AROUND_EVERY == 0:
        await gateway.identity.refresh()
        await gateway.catalogue.refresh()
        await drains.refresh(gateway)
    if count % LAST_USED_EVERY == 0:
        await gateway.identity.flush_last_used()
    if count % PRUNE_EVERY == 0:
        await gateway.store.write(replays.prune)
        await gateway.told.diary.prune()
        if not gateway.alone:
            await windows.prune(gateway.store)
            await forget_the_dead(gateway.store)
