"""Price versions: immutable, dated, the latest wins, and the file never quietly undoes the owner's hand."""

import asyncio

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError, OperationalError

from infra.catalogue.catalogue import Catalogue
from infra.catalogue.prices import price_list
from infra.config.objects import Manifest
from infra.metering.price import PriceList
from infra.store.database import Store
from infra.store.models import PriceVersion
from tests.infra.catalogue.conftest import at, model, sells

ONE = sells(model("m"))
DEARER = sells(model("m", "{input: 3.00/1M, output: 2.00/1M}"))
OWN = PriceList(input=7, output=8)


async def versions(catalogue: Catalogue, name: str = "m") -> list[tuple[int, str, int | None]]:
    found = await catalogue.prices(name)
    return [(row.version, row.source, price_list(row).input) for row in found]


def price(catalogue: Catalogue, manifest: Manifest, name: str = "chat_completions") -> int | None:
    return catalogue.offer("m", at(manifest, name)).price.input


async def test_the_same_file_writes_its_price_once(store: Store, catalogue: Catalogue) -> None:
    await catalogue.load(ONE)
    await catalogue.apply(ONE)
    await Catalogue(store).load(ONE)  # after a restart
    assert await versions(catalogue) == [(1, "file", 1_000_000_000)]


async def test_a_changed_price_in_the_file_is_a_new_version_that_wins(catalogue: Catalogue) -> None:
    await catalogue.load(ONE)
    first = catalogue.offer("m", at(ONE, "chat_completions"))
    await catalogue.apply(DEARER)
    second = catalogue.offer("m", at(DEARER, "chat_completions"))
    assert await versions(catalogue) == [(2, "file", 3_000_000_000), (1, "file", 1_000_000_000)]
    assert (first.price.input, second.price.input) == (1_000_000_000, 3_000_000_000)
    assert first.price_id != second.price_id


async def test_a_reload_of_an_unchanged_file_keeps_the_owners_price(store: Store, catalogue: Catalogue) -> None:
    await catalogue.load(ONE)
    await catalogue.set_price("m", OWN, "admin")
    await catalogue.apply(ONE)
    again = Catalogue(store)
    await again.load(ONE)
    assert price(catalogue, ONE) == price(again, ONE) == 7
    assert catalogue.overrides() == ["m: its price was set by the owner; the file's does not count until it changes"]


async def test_a_price_that_the_file_changes_wins_over_the_owners(catalogue: Catalogue) -> None:
    await catalogue.load(ONE)
    await catalogue.set_price("m", OWN, "admin")
    assert catalogue.overrides(DEARER) == []
    await catalogue.apply(DEARER)
    assert price(catalogue, DEARER) == 3_000_000_000
    assert catalogue.overrides() == []
    assert [source for _, source, _ in await versions(catalogue)] == ["file", "owner", "file"]


async def test_a_file_that_goes_back_to_an_older_price_writes_it_again(catalogue: Catalogue) -> None:
    for file in (ONE, DEARER, ONE):
        await catalogue.apply(file)
    assert [found for _, _, found in await versions(catalogue)] == [1_000_000_000, 3_000_000_000, 1_000_000_000]
    assert price(catalogue, ONE) == 1_000_000_000


async def test_the_price_that_is_in_force_already_makes_no_version(catalogue: Catalogue) -> None:
    await catalogue.load(ONE)
    await catalogue.set_price("m", PriceList(input=1_000_000_000, output=2_000_000_000), "admin")
    await catalogue.set_price("m", OWN, "admin")
    await catalogue.set_price("m", OWN, "admin")
    assert [source for _, source, _ in await versions(catalogue)] == ["owner", "file"]


async def test_an_endpoints_own_price_is_a_version_of_its_own(catalogue: Catalogue) -> None:
    lab = "- {routes: [POST /lab], function: functions.embeddings, name: lab, models: {m: {price: {input: 5.00/1M}}}}"
    file = sells(model("m"), lab)
    await catalogue.load(file)
    assert price(catalogue, file, "lab") == 5_000_000_000
    assert price(catalogue, file) == 1_000_000_000
    await catalogue.set_price("m", OWN, "admin")
    assert (price(catalogue, file, "lab"), price(catalogue, file)) == (5_000_000_000, 7)
    without = sells(model("m"), lab.replace("{m: {price: {input: 5.00/1M}}}", "[m]"))
    await catalogue.apply(without)
    assert price(catalogue, without, "lab") == 7
    await catalogue.apply(file)
    assert price(catalogue, file, "lab") == 5_000_000_000
    assert [row.endpoint for row in await catalogue.prices("m")].count("lab") == 1


async def test_a_version_can_be_neither_changed_nor_deleted(catalogue: Catalogue) -> None:
    await catalogue.load(ONE)
    for change in (PriceVersion.all().update(price_json="{}"), PriceVersion.all().delete()):
        # SQLite's trigger is an IntegrityError; PostgreSQL's exception comes through as asyncpg's own.
        with pytest.raises((IntegrityError, OperationalError, asyncpg.PostgresError), match=r"immutable|append-only"):
            await change
    assert await versions(catalogue) == [(1, "file", 1_000_000_000)]


async def test_two_processes_that_load_at_once_write_each_version_once(store: Store) -> None:
    several = [Catalogue(Store(store.url)) for _ in range(4)]
    # Stores of their own have lanes of their own, as other processes do; Tortoise's connection is shared.
    await asyncio.gather(*(catalogue.load(ONE) for catalogue in several))
    assert await versions(several[0]) == [(1, "file", 1_000_000_000)]
    await asyncio.gather(*(each.set_price("m", PriceList(input=n), "admin") for n, each in enumerate(several)))
    assert sorted(number for number, _, _ in await versions(several[0])) == [1, 2, 3, 4, 5]


async def test_what_another_process_changed_counts_after_a_refresh(store: Store, catalogue: Catalogue) -> None:
    other = Catalogue(store)
    await catalogue.load(ONE)
    await other.load(ONE)
    await other.set_price("m", OWN, "admin")
    assert price(catalogue, ONE) == 1_000_000_000
    await catalogue.refresh()
    assert price(catalogue, ONE) == 7


async def test_a_price_is_kept_to_the_last_nano(catalogue: Catalogue) -> None:
    file = sells(model("m", "{input: 0.0375/1M, output: 9000/1, cached: 0, reasoning: 0.000000001/1M}"))
    await catalogue.load(file)
    found = catalogue.offer("m", at(file, "chat_completions")).price
    assert found == PriceList(input=37_500_000, output=9_000 * 10**15, cached=0, reasoning=1)
