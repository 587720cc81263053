import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.backends.adapters import make
from infra.backends.adapters.base import Adapter
from infra.backends.faults import NotSent
from infra.config.objects import Backend, Deadlines
from infra.errors import BackendError, BackendTimeout, BadRequest, GatewayError, Overloaded
from tests.infra.backends.talk import HELLO, stream, text, told, usages, whole
from tests.standins.openai_backend import StandIn


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def adapter(backend: StandIn) -> AsyncIterator[Adapter]:
    limits = Deadlines(connect=1, first_byte=0.5, idle=0.3, total=1.5)
    found = make(Backend("box", "openai", backend.url, deadlines=limits, api_key="secret-key"))
    yield found
    await found.close()


async def test_a_plain_answer_and_what_was_sent_for_it(adapter: Adapter, backend: StandIn) -> None:
    answer = await whole(adapter, "chat", messages=HELLO, zork=1)
    assert answer["choices"][0]["message"]["content"] == "w0 w1 w2 w3 w4 "
    seen = backend.seen[-1]
    assert (seen.path, seen.body) == ("/v1/chat/completions", {"model": "upstream", "messages": HELLO})
    assert seen.headers["authorization"] == "Bearer secret-key"
    assert seen.headers["x-request-id"] == "req_1"
    assert seen.headers["content-type"] == "application/json"


async def test_a_stream_gives_events_without_done_and_the_usage_last(adapter: Adapter) -> None:
    events = await stream(adapter, "chat", messages=HELLO)
    assert text(events) == "w0 w1 w2 w3 w4 "
    assert events[-1]["choices"] == []
    assert usages(events) == [{"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}]


async def test_events_that_arrived_together_come_together(adapter: Adapter, backend: StandIn) -> None:
    backend.script(pieces=3, delay=0.05)
    prepared = adapter.prepare("chat", {"messages": HELLO, "stream": True}, "u")
    reply = await adapter.ask("chat", prepared.body, True, "req_1")
    batches = [len(batch) async for batch in reply.events()]
    await reply.close()
    assert len(batches) >= 3
    assert sum(batches) == 6


@pytest.mark.parametrize("room", [True, False])
async def test_what_is_taken_at_once_comes_whole_and_in_order(adapter: Adapter, backend: StandIn, room: bool) -> None:
    backend.script(pieces=40, delay=0.001)
    events = await stream(adapter, "chat", room=room, messages=HELLO)
    assert text(events) == "".join(f"w{number} " for number in range(40))
    assert len(usages(events)) == 1


async def test_a_stream_wakes_its_reader_only_for_the_first_and_the_last(adapter: Adapter, backend: StandIn) -> None:
    backend.script(pieces=20, delay=0.005)
    prepared = adapter.prepare("chat", {"messages": HELLO, "stream": True}, "u")
    reply = await adapter.ask("chat", prepared.body, True, "req_1")
    taken: list[dict[str, Any]] = []
    woken = [batch async for batch in reply.events(lambda batch: taken.extend(map(told, batch)) is None)]
    await reply.close()
    assert len(woken) == 2
    assert text([*map(told, woken[0]), *taken]).split() == [f"w{number}" for number in range(20)]


async def test_what_taking_raises_ends_the_stream(adapter: Adapter, backend: StandIn) -> None:
    backend.script(pieces=5, delay=0.005)

    def refuse(batch: list[dict[str, Any]]) -> bool:
        raise LookupError(len(batch))

    prepared = adapter.prepare("chat", {"messages": HELLO, "stream": True}, "u")
    reply = await adapter.ask("chat", prepared.body, True, "req_1")
    with pytest.raises(LookupError):
        async for _ in reply.events(refuse):
            continue
    await reply.close()


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
async def test_line_ends_do_not_matter(adapter: Adapter, backend: StandIn, line_end: bytes) -> None:
    backend.script(line_end=line_end)
    assert text(await stream(adapter, "chat", messages=HELLO)) == "w0 w1 w2 w3 w4 "


async def test_the_first_delta_of_every_choice_has_a_role(adapter: Adapter, backend: StandIn) -> None:
    backend.script(role=False, pieces=2)
    events = await stream(adapter, "chat", messages=HELLO, n=2)
    roles = [choice["delta"].get("role") for event in events for choice in event["choices"] if choice["index"] == 1]
    assert roles == ["assistant", None, None]


async def test_a_stream_without_done_is_whole_when_every_choice_finished(adapter: Adapter, backend: StandIn) -> None:
    backend.script(done=False)
    assert text(await stream(adapter, "chat", messages=HELLO, n=2), index=1) == "w0 w1 w2 w3 w4 "


@pytest.mark.parametrize("pieces", [0, 1, 3])
async def test_a_stream_that_is_cut_is_an_error_after_what_arrived(
    adapter: Adapter, backend: StandIn, pieces: int
) -> None:
    backend.script(die_after=pieces, delay=0.01)
    prepared = adapter.prepare("chat", {"messages": HELLO, "stream": True}, "u")
    reply = await adapter.ask("chat", prepared.body, True, "req_1")
    events: list[dict[str, Any]] = []
    with pytest.raises(BackendError):
        async for batch in reply.events():
            events += batch
    await reply.close()
    assert len(text(events).split()) == pieces


async def test_a_stream_that_ends_politely_in_the_middle_is_an_error(adapter: Adapter, backend: StandIn) -> None:
    backend.script(garbage=b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
    with pytest.raises(BackendError, match="broke off"):
        await stream(adapter, "chat", messages=HELLO)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"data: {not json}\n\n",
        b"data: [1]\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"choices": [5]}\n\n',
        b'data: {"choices": [{"index": "x"}]}\n\n',
        b"<html>",
        b"data: " + b"[" * 5000 + b"\n\n",
    ],
)
async def test_garbage_is_a_backend_error_plain_and_streamed(
    adapter: Adapter, backend: StandIn, garbage: bytes
) -> None:
    backend.script(garbage=garbage)
    with pytest.raises(BackendError):
        await stream(adapter, "chat", messages=HELLO)
    with pytest.raises(BackendError):
        await whole(adapter, "chat", messages=HELLO)


async def test_an_error_event_ends_the_stream_with_its_words_cleaned(adapter: Adapter, backend: StandIn) -> None:
    backend.script(error_event={"message": "died at http://10.0.0.7:8000/x", "code": 500})
    with pytest.raises(BackendError) as caught:
        await stream(adapter, "chat", messages=HELLO)
    assert "died at" in caught.value.message
    assert "10.0.0.7" not in caught.value.message


async def test_an_error_under_status_200_is_an_error(adapter: Adapter, backend: StandIn) -> None:
    backend.script(garbage=b'{"error": {"message": "no"}}')
    with pytest.raises(BackendError):
        await whole(adapter, "chat", messages=HELLO)


async def test_a_backend_that_says_nothing_is_left_at_the_first_byte_deadline(
    adapter: Adapter, backend: StandIn
) -> None:
    backend.script(first_delay=5)
    with pytest.raises(BackendTimeout):
        await stream(adapter, "chat", messages=HELLO)
    assert await backend.seen[-1].end() == "left"


async def test_a_backend_that_stalls_in_a_stream_is_left_at_the_idle_deadline(
    adapter: Adapter, backend: StandIn
) -> None:
    backend.script(hang_after=2)
    with pytest.raises(BackendTimeout):
        await stream(adapter, "chat", messages=HELLO)
    assert await backend.seen[-1].end() == "left"


async def test_a_stream_that_drips_for_ever_ends_at_the_total_deadline(adapter: Adapter, backend: StandIn) -> None:
    backend.script(pieces=1000, delay=0.1)
    with pytest.raises(BackendTimeout):
        await stream(adapter, "chat", messages=HELLO)
    assert 5 <= backend.seen[-1].pieces <= 16


async def test_a_plain_answer_may_take_longer_than_a_first_byte(adapter: Adapter, backend: StandIn) -> None:
    backend.script(first_delay=0.8)
    assert await whole(adapter, "chat", messages=HELLO)


async def test_closing_a_reply_closes_the_connection_to_the_backend(adapter: Adapter, backend: StandIn) -> None:
    backend.script(pieces=1000, delay=0.02)
    prepared = adapter.prepare("chat", {"messages": HELLO, "stream": True}, "u")
    reply = await adapter.ask("chat", prepared.body, True, "req_1")
    async for _ in reply.events():
        break
    await reply.close()
    await reply.close()
    assert await backend.seen[-1].end() == "left"
    assert backend.seen[-1].pieces < 10


async def test_cancelling_a_request_in_flight_closes_its_connection(adapter: Adapter, backend: StandIn) -> None:
    backend.script(first_delay=60)
    task = asyncio.create_task(whole(adapter, "chat", messages=HELLO))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await backend.seen[-1].end() == "left"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequest), (401, BackendError), (429, Overloaded), (500, BackendError), (503, Overloaded)],
)
async def test_refusals_become_ours(adapter: Adapter, backend: StandIn, status: int, kind: type[GatewayError]) -> None:
    backend.script(status=status)
    for ask in (whole, stream):
        with pytest.raises(kind):
            await ask(adapter, "chat", messages=HELLO)


async def test_a_drop_after_reading_is_no_licence_to_send_it_again(adapter: Adapter, backend: StandIn) -> None:
    backend.script(hang_up=True)
    with pytest.raises(BackendError) as caught:
        await whole(adapter, "chat", messages=HELLO)
    assert not isinstance(caught.value, NotSent)
    assert len(backend.seen) == 1


async def test_a_refused_connect_is_not_sent(adapter: Adapter, backend: StandIn) -> None:
    await backend.stop()
    with pytest.raises(NotSent) as caught:
        await whole(adapter, "chat", messages=HELLO)
    assert caught.value.status == 503
    assert "127.0.0.1" not in str(caught.value)


async def test_completions_and_embeddings_pass(adapter: Adapter, backend: StandIn) -> None:
    assert (await whole(adapter, "completion", prompt="a b"))["choices"][0]["text"] == "w0 w1 w2 w3 w4 "
    assert text(await stream(adapter, "completion", prompt="a b")) == "w0 w1 w2 w3 w4 "
    answer = await whole(adapter, "embedding", input=["a", "b"], encoding_format="base64")
    assert [isinstance(row["embedding"], str) for row in answer["data"]] == [True, True]


async def test_a_probe_lists_the_models_and_never_raises(adapter: Adapter, backend: StandIn) -> None:
    found = await adapter.probe()
    assert (found.up, found.models) == (True, ("stand-in",))
    await backend.stop()
    found = await adapter.probe()
    assert (found.up, found.why) == (False, "The backend of this model cannot be reached.")


async def test_there_is_no_tokenizer_to_ask(adapter: Adapter) -> None:
    assert await adapter.count_text("m", "hi") is None
    assert await adapter.count_prompt("chat", {"messages": HELLO}, "m") is None
