"""The playground before a real llama.cpp server: a streamed chat that is paid, stopped, refused, and leaves no key."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.standins.llama import start_llama
from tests.ui.browser import BINARY
from tests.ui.whole import Whole, whole

pytestmark = [
    pytest.mark.skipif(BINARY is None, reason="no Chromium here (apt-get install chromium)"),
    pytest.mark.asyncio(loop_scope="module"),
]
LAST = "[...document.querySelectorAll('.turn.theirs .said')].pop()?.innerText"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    llama = start_llama(embeddings=False)
    try:
        async with whole(tmp_path_factory.mktemp("playground"), llama.url) as found:
            await found.admin.add_user("alice", "1.00")
            yield found
    finally:
        llama.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: Whole) -> AsyncIterator[Whole]:
    """The playground, with alice's balance."""
    await shared.open("/playground")
    await shared.browser.until("[...document.querySelectorAll('input')].some(e => e.value === 'alice')")
    yield shared
    await shared.nothing_went_wrong()


async def choose(house: Whole, model: str) -> None:
    owner = house.browser
    await owner.click("stand-in", ".form")  # the first of the file is chosen when the page opens
    await owner.click(model, ".q-menu")


async def test_a_chat_with_a_real_model_is_streamed_paid_and_told(house: Whole) -> None:
    owner = house.browser
    await choose(house, "smollm2:135m")
    await owner.type("Message", "Say hello.")
    await owner.press("Enter")
    await owner.see("tokens/s", 60)
    assert len(str(await owner.run(LAST))) > 1
    [row] = (await house.admin.requests())["data"]
    assert (row["state"], row["username"], row["key_name"]) == ("SETTLED", "alice", "playground")
    assert row["charged_nano"] > 0
    await owner.see(row["id"])
    await owner.see(f"{row['output_tokens']:,}")
    balance = (await house.admin.user("alice"))["balance"]
    await owner.see(f"${balance}".rstrip("0"))
    await owner.type("Message", "And again.")
    await owner.press("Enter")
    await owner.until("document.querySelectorAll('.turn').length === 4")
    await owner.until(f"document.querySelector('.request-link').innerText !== {row['id']!r}", 60)
    again = (await house.admin.requests())["data"][0]
    assert again["input_tokens"] > row["input_tokens"]  # the whole conversation went along
    await owner.click(again["id"])
    await owner.until("location.pathname === '/requests'")
    await owner.see("× 0.10/1M")  # its bill


async def test_the_curl_holds_what_was_sent_and_never_the_key(house: Whole) -> None:
    owner = house.browser
    await owner.type("System prompt", "Don't $HOME `x`")
    await owner.until("document.querySelector('.snippet pre').innerText.includes('$HOME')")
    curl = str(await owner.run("document.querySelector('.snippet pre').innerText"))
    assert f"{house.gateway.url}/v1/chat/completions" in curl
    assert "Bearer $KEY" in curl
    assert """Don'"'"'t $HOME `x`""" in curl
    await owner.click("Python")
    await owner.see("from openai import OpenAI")
    python = str(await owner.run("document.querySelector('.snippet pre').innerText"))
    compile(python, "snippet", "exec")
    assert "sk-" not in str(await owner.run("document.documentElement.outerHTML"))


async def test_a_stopped_answer_is_paid_as_far_as_it_came(house: Whole) -> None:
    owner = house.browser
    house.backend.script(pieces=60, delay=0.2)
    await choose(house, "stand-in")
    await owner.type("Message", "one two")
    await owner.press("Enter")
    await owner.see("w0 w1 w2", 30)
    await owner.click("Stop")
    await owner.see("Stopped. What had come until then is paid.")
    await owner.see("partial")
    row = (await house.admin.requests())["data"][0]
    assert (row["state"], row["basis"], row["model"]) == ("SETTLED", "partial", "stand-in")
    assert 3 <= row["output_tokens"] < 60


async def test_a_refusal_is_told_in_the_gateways_words_and_what_was_typed_stays(house: Whole) -> None:
    owner = house.browser
    house.backend.script(status=500)
    await choose(house, "stand-in")
    await owner.type("Message", "is <b>anybody</b> there?")
    await owner.press("Enter")
    await owner.until("document.querySelector('.turn .error-text')?.innerText.length > 10", 30)
    await owner.until("document.querySelector('textarea').value === 'is <b>anybody</b> there?'")


async def test_leaving_the_page_revokes_its_key_and_coming_back_makes_another(house: Whole) -> None:
    owner = house.browser
    house.backend.script()

    async def active(count: int) -> None:
        async with asyncio.timeout(30):
            while sum(row["state"] == "active" for row in (await house.admin.keys(q="playground"))["data"]) != count:
                await asyncio.sleep(0.1)

    async def say() -> None:
        await owner.type("Message", "one two")
        await owner.press("Enter")

    await choose(house, "stand-in")
    await say()
    await owner.see("measured")
    await active(1)
    await owner.run("void window.socket.disconnect()")
    await active(0)
    await owner.run("void window.socket.connect()")
    await owner.until("window.did_handshake")
    await say()
    await owner.until("document.querySelectorAll('.turn').length === 4")
    await owner.see("measured")
    await active(1)
    await house.open("/audit")
    await active(0)
