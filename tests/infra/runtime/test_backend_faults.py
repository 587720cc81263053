"""Every way in which a backend can break off or miscount a stream: who pays what, and what the client is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.runtime.test_relay import CHAT, INPUT, OUTPUT, spent, stream
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

PIECES = 9
WAYS: dict[str, Any] = {
    "FIN": lambda after: {"die_after": after},
    "RST": lambda after: {"die_after": after, "reset": True},
    "stall": lambda after: {"hang_after": after},
}


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def gate(tmp_path: Path, backend: StandIn) -> AsyncIterator[Running]:
    hasty = MANIFEST.replace("slots: 8", "slots: 8, deadlines: {{idle: 1s}}")
    async with running(tmp_path, hasty, None, backend=backend.url) as found:
        yield found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("after", [0, 1, 5, PIECES - 1])
async def test_a_backend_that_breaks_off_is_billed_as_far_as_it_came_and_never_said_to_be_done(
    gate: Running, backend: StandIn, way: str, after: int
) -> None:
    backend.script(pieces=PIECES, delay=0.01, **WAYS[way](after))
    events = await stream(gate, await gate.key(), {**CHAT, "stream": True})
    code = "backend_timeout" if way == "stall" else "backend_error"
    assert events[-1]["error"]["code"] == code
    assert "[DONE]" not in events
    cost = await spent(gate)
    (row,) = await gate.requests()
    if not after:
        assert (row.state, cost) == ("VOID", 0)
        return
    assert (row.state, row.basis, row.error_code) == ("SETTLED", "partial", code)
    assert (row.output_tokens, cost) == (after, row.input_tokens * INPUT + after * OUTPUT)


def told(output: int) -> dict[str, Any]:
    return {"prompt_tokens": 3, "completion_tokens": output, "total_tokens": 3 + output}


async def test_of_two_usages_the_last_counts(gate: Running, backend: StandIn) -> None:
    backend.script(pieces=PIECES, early=(told(100), told(0)), usage=told(7))
    events = await stream(gate, await gate.key(), {**CHAT, "stream": True})
    assert events[-1] == "[DONE]"
    assert await spent(gate) == 3 * INPUT + 7 * OUTPUT
    assert (await gate.requests())[0].basis == "measured"


@pytest.mark.parametrize("early", [0, 4])
async def test_a_usage_before_the_content_does_not_make_the_content_free(
    gate: Running, backend: StandIn, early: int
) -> None:
    backend.script(pieces=PIECES, early=(told(early),), usage=False)
    await stream(gate, await gate.key(), {**CHAT, "stream": True})
    assert await spent(gate) == 3 * INPUT + PIECES * OUTPUT
    assert (await gate.requests())[0].basis == "estimated"


async def test_a_usage_before_the_content_does_not_make_what_came_of_a_broken_stream_free(
    gate: Running, backend: StandIn
) -> None:
    backend.script(pieces=PIECES, early=(told(0),), die_after=5)
    events = await stream(gate, await gate.key(), {**CHAT, "stream": True})
    assert events[-1]["error"]["code"] == "backend_error"
    assert await spent(gate) == 3 * INPUT + 5 * OUTPUT
    assert (await gate.requests())[0].basis == "partial"
