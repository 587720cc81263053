"""The stream of events, read as the control room reads it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from functions.admin_events import schema
from infra.client import AdminClient, ApiError, Event
from infra.identity import sessions
from infra.live import events
from tests.functions.trade.owner import COST, Owner
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY


class Reader:
    """Collects the events of a stream in the background."""

    def __init__(self, admin: AdminClient) -> None:
        self.seen: list[Event] = []
        self._admin = admin
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self._admin.events():
            self.seen.append(event)

    async def until(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The data of the first such event."""
        async with asyncio.timeout(10):
            while True:
                for event in self.seen:
                    if event.kind == kind and all(event.data.get(name) == value for name, value in wanted.items()):
                        return event.data
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def reading(owner: Owner, token: str = ADMIN_KEY) -> AsyncIterator[Reader]:
    async with AdminClient(owner.running.url, token=token) as admin:
        reader = Reader(admin)
        try:
            await reader.until("tick")
            yield reader
        finally:
            reader.task.cancel()
            await asyncio.wait({reader.task})


async def test_a_request_is_told_at_its_beginning_and_its_end(owner: Owner) -> None:
    key = await owner.running.key()
    async with reading(owner) as reader:
        answer = await owner.chat(key)
        id = answer.headers["x-request-id"]
        begun = await reader.until("request.started", id=id)
        assert (begun["username"], begun["model"], begun["stream"]) == ("ada", "stand-in", False)
        ended = await reader.until("request.ended", id=id)
        assert (ended["state"], ended["status"], ended["backend"]) == ("SETTLED", 200, "one")
        assert (ended["charged"], ended["charged_nano"]) == (Decimal(COST) / 10**9, COST)
        assert (ended["input_tokens"], ended["output_tokens"], ended["error"]) == (3, 5, None)


async def test_a_refusal_and_a_failure_are_told_with_their_error(owner: Owner, backend: StandIn) -> None:
    poor, rich = await owner.running.key("poor", "0"), await owner.running.key("rich")
    async with reading(owner) as reader:
        assert (await owner.chat(poor)).status_code == 402
        refused = await reader.until("request.ended", username="poor")
        assert (refused["status"], refused["error_code"], refused["charged_nano"]) == (402, "insufficient_quota", 0)
        backend.script(status=500)
        await owner.chat(rich)
        assert (await reader.until("request.ended", username="rich"))["status"] == 502
        ticks = [event.data for event in reader.seen if event.kind == "tick"]
        await asyncio.sleep(1.2)
        ticks = [event.data for event in reader.seen if event.kind == "tick"]
        assert sum(tick["errors_per_second"] for tick in ticks) > 0


async def test_a_tick_has_the_figures_of_its_second(owner: Owner, backend: StandIn) -> None:
    backend.script(pieces=60, delay=0.05)
    key = await owner.running.key()
    async with reading(owner) as reader:
        running = asyncio.create_task(owner.chat(key, stream=True))
        tick = await reader.until("tick", running=1)
        assert set(tick) == {
            "running",
            "queued",
            "requests_per_second",
            "errors_per_second",
            "tokens_per_second",
        }
        await running
        await reader.until("request.ended")
        await asyncio.sleep(1.2)
        ticks = [event.data for event in reader.seen if event.kind == "tick"]
        assert 5 < max(tick["tokens_per_second"] for tick in ticks) < 70
        assert max(tick["requests_per_second"] for tick in ticks) > 0
        assert ticks[-1]["running"] == 0


async def test_what_the_owner_changes_is_told(owner: Owner) -> None:
    async with reading(owner) as reader:
        await owner.done("POST", "/admin/users", {"username": "bob", "balance": "5"}, 201)
        assert (await reader.until("user", action="user.create"))["target"] == "bob"
        await owner.move("topups", {"username": "bob", "amount": "1"}, "one")
        told = await reader.until("user", action="ledger.topup")
        assert (told["target"], told["actor"]) == ("bob", "admin")
        await owner.done("POST", "/admin/session", {})
        assert (await reader.until("config", action="session.open"))["actor"] == "admin"


async def test_the_stream_ends_with_the_session(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SESSION_SECONDS", 3)
    token = (await owner.done("POST", "/admin/session", {}))["token"]
    async with reading(owner, token) as reader:
        assert await reader.until("end") == {"why": "session_expired"}
        await asyncio.wait_for(reader.task, 5)
        with pytest.raises(ApiError) as refused:
            await anext(aiter(reader._admin.events()))
        assert refused.value.status == 401


async def test_the_stream_ends_when_its_session_is_handed_back(owner: Owner) -> None:
    token = (await owner.done("POST", "/admin/session", {}))["token"]
    async with reading(owner, token) as reader:
        assert (await owner.ask("DELETE", "/admin/session", headers={"x-admin-key": token})).json() == {"ended": True}
        assert await reader.until("end") == {"why": "session_expired"}
        await asyncio.wait_for(reader.task, 5)
    assert (await owner.ask("GET", "/admin/users", headers={"x-admin-key": token})).status_code == 401
    actions = [(event["action"], event["actor"]) for event in (await owner.done("GET", "/admin/audit-events"))["data"]]
    assert actions[0] == ("session.end", "admin session")


async def test_the_admin_key_is_no_session_to_be_handed_back(owner: Owner) -> None:
    assert "admin key" in (await owner.refused("DELETE", "/admin/session"))["message"]


async def test_the_stream_ends_at_once_when_the_gateway_drains_and_none_begins(owner: Owner) -> None:
    async with reading(owner) as reader:
        owner.gateway.drain()
        assert await reader.until("end") == {"why": "shutting_down"}
        await asyncio.wait_for(reader.task, 5)
        with pytest.raises(ApiError) as refused:
            await anext(aiter(reader._admin.events()))
        assert refused.value.code == "shutting_down"


async def test_nobody_who_has_left_is_still_told(owner: Owner) -> None:
    hub = owner.gateway.live.hub
    async with reading(owner):
        assert (len(hub.watchers), hub.listening) == (1, True)
    for _ in range(200):
        if not hub.watchers:
            break
        await asyncio.sleep(0.02)
    assert (len(hub.watchers), hub.listening) == (0, False)


async def test_a_silent_stream_has_a_heartbeat(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr("functions.admin_events.handler.HEARTBEAT_SECONDS", 0.1)
    headers = {"x-admin-key": ADMIN_KEY}
    async with owner.running.client.stream("GET", "/admin/events", headers=headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-cache"
        lines = answer.aiter_lines()
        while not (await anext(lines)).startswith(": nothing new"):
            continue


async def test_there_is_a_bound_on_streams_and_a_head_opens_none(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "WATCHERS_MAX", 1)
    async with reading(owner) as reader:
        assert (await owner.ask("HEAD", "/admin/events")).status_code == 200
        with pytest.raises(ApiError) as refused:
            await anext(aiter(reader._admin.events()))
        assert (refused.value.status, refused.value.code) == (503, "overloaded")
    assert (await owner.refused("GET", "/admin/events?since=1"))["param"] == "since"
    assert (await owner.running.client.get("/admin/events")).status_code == 401
