"""Two workers on one socket: an owner sees what runs in both, and stops a request of either."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.client import AdminClient, ApiError, Event
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY
from tests.standins.served import MANIFEST, Served, served, until

LIVE = """
  - {{routes: [GET /admin/live, "POST /admin/live/{{id}}/stop"], function: functions.admin_live, access: admin}}
  - {{routes: [POST /admin/config/apply], function: functions.admin_config, access: admin}}
  - {{routes: ["POST /admin/endpoints/{{name}}/reload"], function: functions.admin_endpoints, access: admin}}
  - {{routes: [GET /admin/events], function: functions.admin_events, access: admin}}
  - {{routes: [GET /admin/requests, "GET /admin/requests/{{id}}"], function: functions.admin_requests, access: admin}}
  - {{routes: [GET /admin/audit-events], function: functions.admin_audit_events, access: admin}}
"""


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


@pytest.fixture
async def pair(tmp_path: Path, backend: StandIn, database: str) -> AsyncIterator[Served]:
    manifest = MANIFEST + LIVE
    async with served(tmp_path, backend.url, "--workers", "2", database=database, manifest=manifest) as found:
        await found.event("a worker serves", 2)
        yield found


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_events_of_both_workers_arrive_once_and_the_stream_ends_with_the_drain(
    pair: Served, backend: StandIn
) -> None:
    key = await pair.key()
    backend.script(pieces=40, delay=0.2)
    seen: list[Event] = []

    async def read(admin: AdminClient) -> None:
        async for event in admin.events():
            seen.append(event)

    def of(kind: str) -> list[Any]:
        return sorted(event.data["id"] for event in seen if event.kind == kind)

    async with AdminClient(pair.url, token=ADMIN_KEY) as admin:
        reader = asyncio.create_task(read(admin))
        await until(lambda: sum(event.kind == "tick" for event in seen) > 2)
        streams = [asyncio.create_task(_last(pair, key)) for _ in range(6)]
        await until(lambda: any(event.kind == "tick" and event.data["running"] == 6 for event in seen))
        ticks = [event.data for event in seen if event.kind == "tick"]
        assert max(tick["running"] for tick in ticks) == 6
        assert await asyncio.gather(*streams) == ["data: [DONE]"] * 6
        await until(lambda: len(of("request.ended")) >= 6)
        ids = sorted(row["id"] for row in (await admin.requests())["data"])
        assert (of("request.started"), of("request.ended")) == (ids, ids)
        pair.signal(signal.SIGTERM)
        await asyncio.wait_for(reader, 10)
        assert (seen[-1].kind, seen[-1].data) == ("end", {"why": "shutting_down"})
    assert await pair.ended() == 0


async def _last(pair: Served, key: str) -> str:
    async with pair.chat(key) as response:
        return [line async for line in response.aiter_lines() if line][-1]


async def _streaming(admin: AdminClient, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(15):
        while True:
            found: list[dict[str, Any]] = (await admin.live())["data"]
            if len(found) == count and all(each["output_tokens"] == 2 for each in found):
                return found
            await asyncio.sleep(0.2)


async def test_an_owner_sees_and_stops_the_requests_of_both_workers(pair: Served, backend: StandIn) -> None:
    key = await pair.key()
    backend.script(pieces=3, hang_after=2)
    streams = [asyncio.create_task(_last(pair, key)) for _ in range(8)]
    await until(lambda: backend.running == 8)
    async with AdminClient(pair.url, token=ADMIN_KEY) as admin:
        found = await _streaming(admin, 8)
        for each in found:
            stopped = await admin.stop_live(each["id"], "enough")
            assert (stopped["id"], stopped["output_tokens"], stopped["charged_nano"] > 0) == (each["id"], 2, True)
        errors = [json.loads(line.removeprefix("data: "))["error"] for line in await asyncio.gather(*streams)]
        assert {error["code"] for error in errors} == {"stopped"}
        assert {error["message"] for error in errors} == {
            "The owner of this gateway (admin) stopped this request: enough."
        }
        rows = (await admin.requests())["data"]
        assert {(row["state"], row["error_code"], row["output_tokens"]) for row in rows} == {("SETTLED", "stopped", 2)}
        noted = [each for each in (await admin.audit_events())["data"] if each["action"] == "request.stop"]
        assert {each["target"] for each in noted} == {each["id"] for each in found}
        assert (await admin.audit(reprice=True))["clean"] is True
        with pytest.raises(ApiError) as refused:
            await admin.stop_live(found[0]["id"])
        assert refused.value.status == 404
        assert (await admin.live())["data"] == []


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_one_function_and_the_whole_file_are_reloaded_in_both_workers(pair: Served) -> None:
    async with AdminClient(pair.url, token=ADMIN_KEY) as admin:
        await admin.reload_endpoint("embeddings")
        assert len(await pair.event("a function was loaded anew", 2)) == 2
        await admin.apply()
        assert len(await pair.event("gateway.yaml applied", 2)) == 2
        await asyncio.sleep(2.5)  # nobody does it twice
        assert len([line for line in pair.lines if "gateway.yaml applied" in line["event"]]) == 2
