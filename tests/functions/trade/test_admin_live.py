"""Running requests over the admin API, in one process."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.functions.trade.owner import CHAT, Owner
from tests.standins.openai_backend import StandIn

PATH = "/v1/chat/completions"


async def until_live(owner: Owner, count: int, **wanted: Any) -> list[dict[str, Any]]:
    """The running requests, once so many of them are as wanted."""
    for _ in range(1_000):
        found = (await owner.done("GET", "/admin/live"))["data"]
        if len(found) == count and all(all(row[name] == v for name, v in wanted.items()) for row in found):
            return found  # type: ignore[no-any-return]
        await asyncio.sleep(0.02)
    raise AssertionError(f"never {count} requests like {wanted}: {found}")


async def stream(owner: Owner, key: str, **fields: Any) -> tuple[httpx.Response, list[str]]:
    """A whole stream: its answer and its lines."""
    headers = {"authorization": f"Bearer {key}"}
    body = {**CHAT, "stream": True, **fields}
    async with owner.running.client.stream("POST", PATH, json=body, headers=headers) as answer:
        return answer, [line async for line in answer.aiter_lines() if line]


async def test_nothing_runs_in_an_idle_house(owner: Owner) -> None:
    assert await owner.done("GET", "/admin/live") == {
        "object": "list",
        "data": [],
        "next": None,
        "running": 0,
        "queued": 0,
    }


async def test_a_running_stream_is_shown_with_what_it_has_cost_so_far(owner: Owner, backend: StandIn) -> None:
    backend.script(pieces=4, hang_after=2)
    key = await owner.running.key()
    running = asyncio.create_task(stream(owner, key))
    (row,) = await until_live(owner, 1, stage="streaming", output_tokens=2)
    assert (row["username"], row["model"], row["endpoint"], row["backend"]) == (
        "ada",
        "stand-in",
        "chat_completions",
        "one",
    )
    assert key.startswith(row["key_prefix"])
    assert (row["place"], row["stream"], row["tier"]) == (None, True, "default")
    assert row["cost_nano"] == row["input_tokens"] * 1_000 + 2 * 2_000
    assert row["cost"] * 10**9 == row["cost_nano"]
    assert row["age_ms"] >= 0
    await owner.done("POST", f"/admin/live/{row['id']}/stop", {})
    await running


async def test_a_stream_that_is_stopped_gets_an_error_event_and_pays_for_what_was_delivered(
    owner: Owner, backend: StandIn
) -> None:
    backend.script(pieces=9, hang_after=3)
    key = await owner.running.key()
    running = asyncio.create_task(stream(owner, key))
    (row,) = await until_live(owner, 1, output_tokens=3)
    found = await owner.done("POST", f"/admin/live/{row['id']}/stop", {"reason": "the GPU is needed"})
    assert (found["id"], found["stopped"], found["output_tokens"]) == (row["id"], True, 3)
    answer, lines = await running
    error = json.loads(lines[-1].removeprefix("data: "))["error"]
    assert (answer.status_code, error["code"]) == (200, "stopped")
    assert error["message"] == "The owner of this gateway (admin) stopped this request: the GPU is needed."
    assert "data: [DONE]" not in lines
    await owner.running.settled()
    bill = await owner.done("GET", f"/admin/requests/{row['id']}")
    assert (bill["state"], bill["status"], bill["basis"], bill["error_code"]) == ("SETTLED", 503, "partial", "stopped")
    assert bill["error"] == error["message"]
    assert (bill["charged_nano"], bill["output_tokens"]) == (found["charged_nano"], 3)
    assert found["charged_nano"] == bill["input_tokens"] * 1_000 + 3 * 2_000
    (event,) = [
        each for each in (await owner.done("GET", "/admin/audit-events"))["data"] if each["action"] == "request.stop"
    ]
    assert (event["target"], event["actor"], event["after"]["reason"]) == (row["id"], "admin", "the GPU is needed")
    assert await backend.seen[-1].end() == "left"


async def test_a_plain_request_that_is_stopped_is_a_503_that_sdks_do_not_retry_and_costs_nothing(
    owner: Owner, backend: StandIn
) -> None:
    backend.script(first_delay=20)
    key = await owner.running.key()
    running = asyncio.create_task(owner.chat(key))
    (row,) = await until_live(owner, 1, stage="waiting", backend="one")
    assert (row["cost_nano"], row["output_tokens"]) == (0, 0)
    found = await owner.done("POST", f"/admin/live/{row['id']}/stop")
    answer = await running
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopped")
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    await owner.running.settled()
    assert found["charged_nano"] == 0
    assert (await owner.done("GET", f"/admin/requests/{row['id']}"))["state"] == "VOID"


async def test_who_waits_in_the_queue_is_shown_with_the_place_and_can_be_stopped_there(
    owner: Owner, backend: StandIn
) -> None:
    backend.script(pieces=2, hang_after=1)
    keys = [await owner.running.key(f"user{number}") for number in range(2)]
    running = [asyncio.create_task(stream(owner, keys[number % 2])) for number in range(8)]
    await until_live(owner, 8, stage="streaming")
    waiting = asyncio.create_task(owner.chat(keys[0]))
    found = await until_live(owner, 9)
    (row,) = [each for each in found if each["stage"] == "queued"]
    assert (row["place"], row["backend"], row["eta_seconds"] >= 0) == (1, None, True)
    shown = await owner.done("GET", "/admin/live")
    assert (shown["running"], shown["queued"]) == (8, 1)
    assert [each["age_ms"] for each in shown["data"]] == sorted((e["age_ms"] for e in shown["data"]), reverse=True)
    await owner.done("POST", f"/admin/live/{row['id']}/stop", {"reason": ""})
    assert (await waiting).status_code == 503
    for each in await until_live(owner, 8):
        await owner.done("POST", f"/admin/live/{each['id']}/stop", {})
    await asyncio.gather(*running)
    await owner.running.settled()


@pytest.mark.parametrize("id", ["req_unknown", "%00", "a" * 300, "%ed%a0%80"])
async def test_what_does_not_run_cannot_be_stopped(owner: Owner, id: str) -> None:
    assert (await owner.refused("POST", f"/admin/live/{id}/stop", {}, 404))["code"] == "not_found"


async def test_a_reason_that_cannot_be_kept_is_refused(owner: Owner) -> None:
    for wrong in ({"reason": "a" * 301}, {"reason": 7}, {"why": "x"}, {"reason": "\ud800"}):
        assert (await owner.ask("POST", "/admin/live/req_1/stop", wrong)).status_code == 400
    assert (await owner.refused("GET", "/admin/live?limit=1"))["param"] == "limit"
