"""Puts the demo house into the database."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from infra.config.objects import Manifest, Secrets
from infra.config.urls import database_url
from infra.demo import aftermath
from infra.demo.scratch import MARK, emptied, held
from infra.demo.traffic import ACTOR, Traffic
from infra.demo.world import DAY_US, KEY_NAMES, Person, Sold, people, shop
from infra.identity.keyring import PREFIX, Keyring
from infra.ledger.bulk import BATCH, Bulk
from infra.ledger.operations import OpenUser, Operation
from infra.rollups.roller import Roller
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.store.ids import new
from infra.store.models import AuditEvent, Key, OwnModel, PriceVersion

ROWS = 500
"""Rows of the catalogue in one statement."""
Say = Callable[[int, int], None]
"""Told how many requests of how many are written."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How much traffic, over how many days until now; the same seed makes the same house."""

    users: int = 1_000
    requests: int = 1_000_000
    days: int = 90
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Filled:
    """What was made, and a key of the user who asks most, to try it with."""

    users: int
    keys: int
    requests: int
    models: list[str]
    username: str
    key: str


async def fill(manifest: Manifest, secrets: Secrets, wish: Wish, say: Say) -> Filled:
    """Raises DemoRefused, DatabaseLocked, SchemaTooNew, the database driver's errors."""
    url = database_url(manifest.gateway.database)
    store = Store(url)
    with held(url):
        await store.open()
        try:
            await emptied(store)
            return await _fill(store, manifest, secrets, wish, say)
        finally:
            await store.close()


async def _fill(store: Store, manifest: Manifest, secrets: Secrets, wish: Wish, say: Say) -> Filled:
    rng = random.Random(wish.seed)
    end_us = now_us() - 300 * SECOND_US
    start_us = end_us - wish.days * DAY_US
    await _mark(wish)
    keyring, texts = Keyring(secrets.secret_key), dict[str, str]()

    def key_id() -> str:
        id, text = keyring.make()
        texts[id] = text
        return id

    sold = shop(rng, manifest, start_us, end_us)
    persons = people(rng, wish.users, sold, start_us, end_us, key_id)
    await _catalogue(sold, persons, rng, {id: keyring.digest(text) for id, text in texts.items()}, store)
    traffic = Traffic(rng, persons, sold, start_us, end_us, wish.requests)
    async with Bulk(store) as bulk:
        done = 0
        for batch, requests in _batches(traffic.operations()):
            await bulk.commit(batch)
            done += requests
            say(done, wish.requests)
    first = max(persons, key=lambda person: person.weight if person.left_us == end_us else 0)
    named = first.keys[0][0]
    await aftermath.settle(store, rng, persons, end_us, named)
    roller = Roller(store)
    while await roller.step():
        pass
    await aftermath.tidied(store)
    ids = [sell.id for sell in sold]
    return Filled(len(persons), len(texts), done, ids, first.name, texts[named])


async def _mark(wish: Wish) -> None:
    await AuditEvent.create(
        id=new("audit"), at_us=now_us(), actor=ACTOR, address="local", action=MARK, target="database",
        after_json=msgspec.json.encode(wish).decode(),
    )  # fmt: skip


def _batches(groups: Iterator[list[Operation]]) -> Iterator[tuple[list[Operation], int]]:
    """Operations for one transaction each, with how many requests they end."""
    batch: list[Operation] = []
    requests = 0
    for group in groups:
        batch += group
        requests += type(group[-1]).__name__ in ("Settle", "Void")
        if len(batch) >= BATCH:
            yield batch, requests
            batch, requests = [], 0
    if batch:
        yield batch, requests


async def _catalogue(
    sold: list[Sold], persons: list[Person], rng: random.Random, digests: dict[str, str], store: Store
) -> None:
    """Models, prices, users with their first balance, keys."""
    await PriceVersion.bulk_create(
        [
            PriceVersion(
                id=id, model=each.id, version=number, price_json=msgspec.json.encode(prices.to_json()).decode(),
                source="owner" if each.own else "file", actor=ACTOR if each.own else "gateway.yaml", created_us=at,
            )
            for each in sold
            for number, (at, id, prices) in enumerate(each.versions, start=1)
        ]
    )  # fmt: skip
    await OwnModel.bulk_create(
        [
            OwnModel(
                id=each.id, targets_json=msgspec.json.encode(each.places).decode(), max_output=8_192,
                created_us=each.versions[0][0],
            )
            for each in sold
            if each.own
        ]
    )  # fmt: skip
    async with Bulk(store) as bulk:
        for place in range(0, len(persons), ROWS):
            await bulk.commit([_opened(person, rng) for person in persons[place : place + ROWS]])
    keys = [
        Key(
            id=id, user_id=person.id, name=KEY_NAMES[number], secret_hmac=digests[id], prefix=PREFIX + id,
            created_us=created,
        )
        for person in persons
        for number, (id, created) in enumerate(person.keys)
    ]  # fmt: skip
    await Key.bulk_create(keys, batch_size=ROWS)


def _opened(person: Person, rng: random.Random) -> OpenUser:
    person.balance = person.chunk
    weight = rng.choice((1, 1, 1, 1, 1, 2, 4))
    return OpenUser(person.id, person.name, person.chunk, weight, "{}", ACTOR, "demo", person.joined_us)
