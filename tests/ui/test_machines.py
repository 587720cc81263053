"""What runs now, models with their prices, and backends in a real browser, before a real gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tortoise.expressions import F

from infra.store.models import Request
from tests.ui.browser import BINARY, DRAWN
from tests.ui.whole import HOSTILE, Whole, whole
from ui import show

pytestmark = [
    pytest.mark.skipif(BINARY is None, reason="no Chromium here (apt-get install chromium)"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with whole(tmp_path_factory.mktemp("machines")) as found:
        await found.admin.add_user(HOSTILE, "10.00")
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: Whole) -> AsyncIterator[Whole]:
    """Whatever a test does, nothing may go wrong in the browser."""
    yield shared
    await shared.nothing_went_wrong()


@contextlib.asynccontextmanager
async def streams(house: Whole, count: int) -> AsyncIterator[list[asyncio.Task[str]]]:
    """So many streams of slow answers; what each of them read."""
    house.backend.script(pieces=60, delay=0.25)
    key = (await house.admin.add_key(HOSTILE))["key"]
    hello = {"model": "stand-in", "messages": [{"role": "user", "content": "one two"}], "stream": True}

    async def read() -> str:
        return (await house.gateway.post("/v1/chat/completions", key, hello)).text

    running = [asyncio.create_task(read()) for _ in range(count)]
    try:
        yield running
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        house.backend.script()


async def test_what_runs_and_waits_is_seen_second_by_second_and_one_is_stopped(house: Whole) -> None:
    owner = house.browser
    await house.open("/live")
    await owner.see("Nothing runs and nobody waits.")
    async with streams(house, 3) as running:
        await owner.until("document.querySelectorAll('.line .badge.run').length === 2")  # as many as there are slots
        await owner.see("in the queue")
        await owner.see(HOSTILE)
        await owner.run("document.querySelectorAll('.line').forEach(line => line.kept = true)")
        tokens = "document.querySelector('.line').cells[5].innerText"
        before = await owner.run(tokens)
        await owner.until(f"{tokens} !== {before!r}")  # in place: the rows are the same elements
        assert await owner.run("[...document.querySelectorAll('.line')].every(line => line.kept)")
        await owner.click("streaming")
        await owner.click("Stop…")
        await owner.type("Reason", "too long")
        await owner.click("Stop it")
        await owner.see("Stopped after")
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        [stopped] = [each for each in done if "too long" in each.result()]
        assert '"code": "stopped"' in stopped.result() or '"code":"stopped"' in stopped.result()
    await house.gateway.settled()
    await owner.see("Nothing runs and nobody waits.", 30)


async def test_a_model_is_added_priced_and_taken_back(house: Whole) -> None:
    owner = house.browser
    await house.open("/models")
    await owner.click("Add a model")
    await owner.type("Name that callers use", "my/own..model")
    await owner.type("Runs as", "one/stand-in")
    await owner.press("Enter")
    await owner.press("Tab")
    await owner.type("Input", "1.50")
    await owner.type("Output", "x")
    await owner.click("Add", ".q-dialog .actions")
    await owner.see("is not a price of a million tokens")
    await owner.type("Output", "3")
    await owner.click("Add", ".q-dialog .actions")
    await owner.see("$3.00 / 1M")
    made = await house.admin.model("my/own..model")
    assert (made["targets"], made["price"], made["source"]) == (
        ["one/stand-in"],
        {"input": "1.50/1M", "output": "3.00/1M"},
        "owner",
    )
    await owner.click("my/own..model")
    await owner.see("Another price")
    await owner.see("the owner")
    await house.admin.put_model("my/own..model", [{"to": "one/stand-in", "weight": 3}])
    await owner.click("Change")
    last = "document.querySelectorAll('.q-dialog .q-select input')[1]"
    await owner.until(f"!!{last}")
    await owner.settled()
    await owner.until(f"({last}.focus(), document.activeElement === {last})")
    await owner.say("Input.insertText", text="box/other")
    await owner.until(f"{last}.value === 'box/other'")
    await owner.press("Enter")
    await owner.press("Tab")
    await owner.until(f"document.activeElement !== {last} && {last}.value === 'box/other'")
    await owner.click("Save", ".q-dialog .actions")
    await owner.see("my/own..model is changed.")
    made = await house.admin.model("my/own..model")
    assert (made["targets"], made["weights"]) == (["one/stand-in", "box/other"], [3, 1])
    await owner.click("Take back")
    await owner.see("is no longer sold")
    await owner.click("Take back", ".q-dialog .actions")
    await owner.see("Add a model")
    await owner.gone("my/own..model")


async def test_a_model_shows_the_limits_of_the_file_as_they_are_written_there(house: Whole) -> None:
    owner = house.browser
    await house.open("/models/stand-in")
    await owner.see("5,000/m requests, 200K/m tokens")
    await owner.see("12 at once")
    await owner.see("Limits are set in gateway.yaml")
    await house.open("/models/smollm2:135m")
    await owner.see("none but the endpoint's")
    await owner.click("Config", ".model-facts")
    await owner.see("The file on the disk")


async def test_a_price_is_changed_after_a_look_at_what_it_means(house: Whole) -> None:
    owner = house.browser
    key = (await house.admin.add_key(HOSTILE))["key"]
    hello = {"model": "stand-in", "messages": [{"role": "user", "content": "one two"}]}
    house.backend.script(pieces=50)
    assert (await house.gateway.post("/v1/chat/completions", key, hello)).status_code == 200
    charged = sum(row["charged_nano"] for row in (await house.admin.requests(model="stand-in"))["data"])
    meant = await house.admin.preview_price("stand-in", price={"output": "4.00/1M"})
    assert meant["charged_nano"] == charged < meant["would_be_nano"]
    await house.open("/models/stand-in")
    await owner.see("Change a price to see it.")
    assert await owner.until(f"{DRAWN} > 0")
    await owner.type("Output", "4.00")
    await owner.until("!document.querySelector('.form .actions button').disabled")
    await owner.see("in the last 30 days brought")
    await owner.see(show.compared(charged, meant["would_be_nano"], "USD")[1])
    await owner.click("Set this price…")
    await owner.see("Output: $2.00 / 1M → $4.00 / 1M. New requests pay it from now on")
    await owner.click("Set the price")
    await owner.see("The new price is in force.")
    await owner.see("gateway.yaml, changed here")
    versions = (await house.admin.prices("stand-in"))["data"]
    assert [row["price"]["output"] for row in versions] == ["4.00/1M", "2.00/1M"]
    await owner.see("output $4.00 / 1M")
    await house.admin.remove_model("stand-in")


async def test_a_backend_is_drained_and_taken_into_service_again(house: Whole) -> None:
    owner = house.browser
    await house.open("/backends")
    await owner.see("0 of 2 slots busy")
    await owner.see("down")  # nobody listens where the box should be
    await owner.click("one", ".listing")
    await owner.see("What happened to it")
    await owner.click("Drain…")
    await owner.see("gets no new requests until you take it into service again")
    await owner.click("Drain", ".q-dialog .actions")
    await owner.see("one is draining.")
    await owner.see("draining")
    key = (await house.admin.add_key(HOSTILE))["key"]
    hello = {"model": "stand-in", "messages": [{"role": "user", "content": "one two"}]}
    assert (await house.gateway.post("/v1/chat/completions", key, hello)).status_code == 503
    await owner.click("one", ".listing")
    await owner.click("Take it into service…")
    await owner.click("Take into service", ".q-dialog .actions")
    await owner.see("one is in service.")
    house.backend.script()
    assert (await house.gateway.post("/v1/chat/completions", key, hello)).status_code == 200
    await owner.click("one", ".listing")
    await owner.until("[...document.querySelectorAll('.diary .badge')].some(e => e.innerText === 'resumed')")


async def test_a_model_tells_what_is_left_after_its_electricity(house: Whole) -> None:
    owner, hour = house.browser, 3_600 * 1_000_000
    key = (await house.admin.add_key(HOSTILE))["key"]
    hello = {"model": "stand-in", "messages": [{"role": "user", "content": "one two"}]}
    assert (await house.gateway.post("/v1/chat/completions", key, hello)).status_code == 200
    await house.gateway.settled()
    for name in ("created_us", "held_us", "first_byte_us", "finished_us"):  # into an hour that is over, and summed up
        await Request.filter(state="SETTLED").update(**{name: F(name) - 2 * hour})
    await house.admin.rebuild_figures()
    for _ in range(100):
        if found := [row for row in (await house.admin.margins())["data"] if row["model"] == "stand-in"]:
            break
        await asyncio.sleep(0.2)
    assert (found[0]["watts"], found[0]["cost_nano"] > 0) == (350, True)
    for path in ("/models", "/models/stand-in"):
        await house.open(path)
        await owner.see("350 W")
        await owner.see(f"{found[0]['margin_percent']:,.1f} %")
