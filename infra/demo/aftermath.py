"""What stands in the database when the traffic is over: keys that are off or past, users who were closed, the audit log
of all that, corrections by hand."""

import random

from infra.demo.ids import id_at
from infra.demo.traffic import ACTOR
from infra.demo.world import Person
from infra.ledger.bulk import Bulk
from infra.ledger.operations import Post
from infra.store.archive import KEPT
from infra.store.clock import SECOND_US
from infra.store.database import Store
from infra.store.models import AuditEvent, Key, User
from infra.units import DAYS, NANO

ROWS = 500
_LAST_USED = "SELECT key_id, MAX(created_us) AS at_us FROM requests GROUP BY key_id"


async def settle(store: Store, rng: random.Random, persons: list[Person], end_us: int, named: str) -> None:
    """The last strokes; the key that is `named` to try the house with stays good."""
    events = await _keys(store, rng, end_us, named)
    events += await _closed(rng, persons, end_us)
    await AuditEvent.bulk_create(events, batch_size=ROWS)
    await _corrected(store, rng, persons, end_us)


async def tidied(store: Store) -> None:
    """After many rows at once: the planner knows the tables, and PostgreSQL's autovacuum, which would soon go through
    each of them beside the first requests, finds nothing to do."""
    await store.rows("ANALYZE" if store.dialect == "sqlite" else f"VACUUM (ANALYZE) {', '.join(KEPT)}")


async def _keys(store: Store, rng: random.Random, end_us: int, named: str) -> list[AuditEvent]:
    used = {row["key_id"]: row["at_us"] for row in await store.rows(_LAST_USED)}
    events, changed = [], []
    for key in await Key.all():
        events.append(_event(rng, key.created_us, "key.mint", key.prefix))
        key.last_used_us = used.get(key.id)
        last = key.last_used_us or key.created_us
        roll = rng.random() if key.id != named else 1.0
        if roll < 0.06:  # revoked: off and at its end
            key.active, key.expires_us = False, min(end_us, last + 3_600 * SECOND_US)
            events.append(_event(rng, key.expires_us, "key.revoke", key.prefix))
        elif roll < 0.09:
            key.expires_us = min(end_us, last + SECOND_US)
        elif roll < 0.12:
            key.expires_us = end_us + rng.randrange(1, 90) * DAYS * SECOND_US
        elif roll < 0.14:
            key.active = False
            events.append(_event(rng, min(end_us, last + 60 * SECOND_US), "key.change", key.prefix))
        changed.append(key)
    for place in range(0, len(changed), ROWS):
        await Key.bulk_update(changed[place : place + ROWS], fields=["last_used_us", "active", "expires_us"])
    return events


async def _closed(rng: random.Random, persons: list[Person], end_us: int) -> list[AuditEvent]:
    gone = [person for person in persons if person.left_us < end_us and rng.random() < 0.4]
    for person in gone:
        await User.filter(id=person.id).update(active=False)
    return [_event(rng, person.left_us, "user.change", person.name) for person in gone]


async def _corrected(store: Store, rng: random.Random, persons: list[Person], end_us: int) -> None:
    """A few gifts and takings back."""
    chosen = rng.sample(persons, len(persons) // 50)
    posts = [
        Post(
            f"a:{person.id}:demo{number}", "adjustment", person.id, amount, None, ACTOR, "demo",
            "a gift for a bug report" if amount > 0 else "a gift was booked twice", end_us + number,
        )
        for number, person in enumerate(chosen)
        if (amount := rng.choice((NANO // 2, NANO, -NANO // 100))) > 0 or person.balance > NANO
    ]  # fmt: skip
    if posts:
        async with Bulk(store) as bulk:
            await bulk.commit(posts)


def _event(rng: random.Random, at_us: int, action: str, target: str) -> AuditEvent:
    return AuditEvent(
        id=id_at(rng, "audit", at_us), at_us=at_us, actor=ACTOR, address="demo", action=action, target=target
    )
