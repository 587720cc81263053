"""What is offered where, by whom it was declared, and that asking costs no look at the database."""

import pytest
from tortoise.connection import get_connection

from infra.catalogue.catalogue import Catalogue
from infra.config.objects import Limits, Target
from infra.errors import ModelNotAllowed, ModelUnknown, NotFound
from infra.metering.price import PriceList
from infra.store.database import Store
from infra.units import Rate
from tests.infra.catalogue.conftest import BOX, at, model, sells

CHAT = ("input", "output")
FILE = sells(f"{model('m', more=', max_output: 64, context: 2048, limits: {requests: 5/s}')}\n"
             f"{model('vectors', '{input: 0.02/1M}')}\n{model('gift', '{input: 0, output: 0}')}")  # fmt: skip
LAB = "- {routes: [POST /lab], function: functions.chat_completions, name: lab, models: [gift]}"


async def test_an_offer_says_all_that_a_request_needs(catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    offer = catalogue.offer("m", at(FILE, "chat_completions"), CHAT)
    assert (offer.id, offer.targets) == ("m", BOX)
    assert offer.price == PriceList(input=1_000_000_000, output=2_000_000_000)
    assert (offer.max_output, offer.context, offer.limits) == (64, 2048, Limits(requests=Rate(5, 1)))
    assert offer.price_id == (await catalogue.prices("m"))[0].id
    assert offer.created_us == (await catalogue.prices("m"))[0].created_us


async def test_a_model_without_a_price_that_the_endpoint_needs_is_refused_by_name_of_the_price(
    catalogue: Catalogue,
) -> None:
    await catalogue.load(FILE)
    with pytest.raises(ModelNotAllowed, match=r"'vectors' has no price for output") as refused:
        catalogue.offer("vectors", at(FILE, "chat_completions"), CHAT)
    assert refused.value.param == "model"
    assert catalogue.offer("vectors", at(FILE, "embeddings"), ("input",)).id == "vectors"
    assert [offer.id for offer in catalogue.offers(at(FILE, "chat_completions"), CHAT)] == ["m", "gift"]
    assert [offer.id for offer in catalogue.offers(at(FILE, "embeddings"), ("input",))] == ["m", "vectors", "gift"]


async def test_free_is_an_explicit_zero(catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    assert catalogue.offer("gift", at(FILE, "chat_completions"), CHAT).price == PriceList(input=0, output=0)


async def test_an_endpoint_offers_the_models_that_it_names_alone(catalogue: Catalogue) -> None:
    file = sells(f"{model('m')}\n{model('gift')}", LAB)
    await catalogue.load(file)
    assert [offer.id for offer in catalogue.offers(at(file, "lab"), CHAT)] == ["gift"]
    with pytest.raises(ModelNotAllowed, match="not offered at this endpoint"):
        catalogue.offer("m", at(file, "lab"), CHAT)


@pytest.mark.parametrize("name", ["", "nope", "M", "m\0", "\ud800", "m " * 5_000])
async def test_an_unknown_model_is_told_in_openais_words(catalogue: Catalogue, name: str) -> None:
    await catalogue.load(FILE)
    with pytest.raises(ModelUnknown, match="does not exist or you do not have access to it") as refused:
        catalogue.offer(name, at(FILE, "chat_completions"), CHAT)
    assert len(refused.value.message) < 500


async def test_ten_thousand_unknown_names_are_not_remembered(catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    for number in range(10_000):
        with pytest.raises(ModelUnknown):
            catalogue.offer(f"nope-{number}", at(FILE, "chat_completions"), CHAT)
    assert len(catalogue._made) == 0


async def test_asking_reads_nothing_from_the_database(store: Store, catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    seen: list[str] = []
    if store.dialect == "sqlite":
        await get_connection(store.connection_name)._connection.set_trace_callback(seen.append)
        assert await catalogue.prices("m")
        assert len(seen) == 1  # the trace works
    await store.close()
    for _ in range(3):
        assert catalogue.offer("m", at(FILE, "chat_completions"), CHAT).id == "m"
        assert len(catalogue.offers(at(FILE, "embeddings"))) == 3
        assert catalogue.listed("m").source == "file"


async def test_a_model_that_leaves_the_file_is_gone_and_comes_back_with_its_history(catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    without = sells(model("gift"))
    await catalogue.apply(without)
    with pytest.raises(ModelUnknown):
        catalogue.offer("m", at(without, "chat_completions"))
    with pytest.raises(NotFound, match="no model 'm'"):
        catalogue.listed("m")
    await catalogue.apply(FILE)
    assert catalogue.listed("m").price_version == 1


async def test_a_model_that_the_owner_declared_outlives_file_and_process(store: Store, catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    await catalogue.put_model("own", (Target("den", "x"),), 9, PriceList(input=1, output=2), "admin")
    await catalogue.put_model("m", (Target("den", "y"),), None, None, "admin")
    bare = sells(model("gift"))
    again = Catalogue(store)
    await again.load(bare)
    chat = at(bare, "chat_completions")
    assert again.offer("own", chat, CHAT).targets == (Target("den", "x"),)
    assert again.offer("m", chat, CHAT).targets == (Target("den", "y"),)
    assert again.offer("m", chat, CHAT).price.input == 1_000_000_000
    assert again.ids() == ["gift", "m", "own"] or again.ids() == ["gift", "own", "m"]
    assert again.listed("own").source == "owner"


async def test_an_upsert_changes_a_model_in_place_and_keeps_what_it_does_not_name(catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    await catalogue.put_model("own", (Target("den", "x"),), 9, PriceList(input=1, output=2), "admin")
    found = await catalogue.put_model("own", (Target("box", "z"),), 10, None, "admin")
    assert (found.targets, found.max_output, found.price) == ((Target("box", "z"),), 10, PriceList(input=1, output=2))
    assert found.price_version == 1


async def test_removing_gives_a_model_of_the_file_back_to_the_file(catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    await catalogue.put_model("m", (Target("den", "y"),), 5, None, "admin")
    assert catalogue.offer("m", at(FILE, "chat_completions")).targets == (Target("den", "y"),)
    await catalogue.remove("m", "admin")
    found = catalogue.listed("m")
    assert (found.source, found.targets, found.max_output, found.overrides_file) == ("file", BOX, 64, False)
    with pytest.raises(NotFound, match="declared no model 'm'"):
        await catalogue.remove("m", "admin")
    await catalogue.put_model("m", (Target("den", "y"),), 5, None, "admin")
    assert catalogue.listed("m").source == "owner"


async def test_what_overrides_the_file_is_told_and_what_agrees_with_it_is_not(catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    await catalogue.put_model("m", BOX, 64, PriceList(input=1_000_000_000, output=2_000_000_000), "admin")
    assert catalogue.overrides() == []
    assert catalogue.listed("m").overrides_file is False
    await catalogue.put_model("m", (Target("den", "m"),), 65, PriceList(input=1), "admin")
    assert catalogue.overrides() == [
        "m: its backend was set by the owner; the file's does not count",
        "m: its max_output was set by the owner; the file's does not count",
        "m: its price was set by the owner; the file's does not count until it changes",
    ]
    assert catalogue.listed("m").overrides_file is True
    assert catalogue.overrides(sells(model("gift"))) == []


async def test_a_name_that_is_nearly_right_is_suggested(catalogue: Catalogue) -> None:
    await catalogue.load(FILE)
    with pytest.raises(NotFound, match='did you mean "vectors"'):
        catalogue.listed("vector")


async def test_a_catalogue_that_is_not_loaded_says_so(catalogue: Catalogue) -> None:
    with pytest.raises(TypeError, match="not loaded"):
        catalogue.offer("m", at(FILE, "chat_completions"))
