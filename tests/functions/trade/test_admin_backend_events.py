"""What happened to backends, and what the last hour brought them."""

import asyncio
from typing import Any

import pytest

from infra.live import diary
from infra.live.diary import Diary
from infra.live.events import Hub
from tests.functions.trade.owner import Owner
from tests.standins.openai_backend import StandIn

PATH = "/admin/backends/one/events"


async def kinds(owner: Owner, path: str = PATH) -> list[str]:
    """Of the events, newest first."""
    await asyncio.sleep(0.1)
    return [event["kind"] for event in (await owner.done("GET", path))["data"]]


async def test_going_down_and_coming_up_are_written_down_with_the_reason(owner: Owner, backend: StandIn) -> None:
    assert await kinds(owner) == []
    assert await kinds(owner, "/admin/backends/gone/events") == ["down"]
    await backend.stop()
    await owner.done("POST", "/admin/backends/probe", {})
    assert await kinds(owner) == ["down"]
    await owner.done("POST", "/admin/backends/probe", {})
    assert await kinds(owner) == ["down"], "still down is nothing new"
    await backend.start()
    await owner.done("POST", "/admin/backends/probe", {})
    assert await kinds(owner) == ["up", "down"]
    up, down = (await owner.done("GET", PATH))["data"]
    assert (up["why"], bool(down["why"]), down["at"] > 0) == (None, True, True)
    first = await owner.done("GET", f"{PATH}?limit=1")
    second = await owner.done("GET", f"{PATH}?limit=1&cursor={first['next']}")
    assert ([first["data"][0]["id"], second["data"][0]["id"]], second["next"]) == ([up["id"], down["id"]], None)


async def test_up_and_down_are_written_by_turns_whoever_sees_them_how_often(owner: Owner) -> None:
    tasks: list[Any] = []
    both = [
        Diary(owner.gateway.store, name, Hub(), lambda work: tasks.append(asyncio.create_task(work)))
        for name in ("inst_a", "inst_b")
    ]
    for each in both:
        each.found_up("one")
    await asyncio.gather(*tasks)
    assert await kinds(owner) == [], "up from the beginning is no news"
    for each in both:
        each.note("one", "down", "it does not answer")
        each.note("one", "down", "it still does not")
    await asyncio.gather(*tasks)
    assert await kinds(owner) == ["down"]
    both[1].note("one", "up")
    both[1].note("one", "down", "x" * 5_000)
    await asyncio.gather(*tasks)
    assert await kinds(owner) == ["down", "up", "down"], "within seconds, and not of the same process"
    for each in both:
        each.found_up("one")
    await asyncio.gather(*tasks)
    assert await kinds(owner) == ["up", "down", "up", "down"], "it came up while nobody ran"


async def test_an_ejection_that_two_processes_see_is_written_once(owner: Owner) -> None:
    tasks: list[Any] = []
    for name in ("inst_a", "inst_b"):
        diary = Diary(owner.gateway.store, name, Hub(), lambda work: tasks.append(asyncio.create_task(work)))
        diary.note("one", "ejected", "it fails again and again")
    await asyncio.gather(*tasks)
    assert await kinds(owner) == ["ejected"]


async def test_a_backend_that_stays_down_over_new_settings_is_written_down_once(owner: Owner) -> None:
    gone = "/admin/backends/gone/events"
    assert await kinds(owner, gone) == ["down"]
    station = owner.gateway.pool._stations["gone"]
    for _ in range(2):
        station.replace(station.backend, station.adapter)
        await owner.done("POST", "/admin/backends/probe", {})
    assert station.up is False
    assert await kinds(owner, gone) == ["down"]


async def test_only_the_latest_of_each_backend_are_kept(owner: Owner, monkeypatch: Any) -> None:
    monkeypatch.setattr(diary, "KEPT", 3)
    for number in range(5):
        owner.gateway.told.diary.note("one", "config", f"change {number}")
        await asyncio.sleep(0.02)
    await owner.gateway.told.diary.prune()
    found = (await owner.done("GET", PATH))["data"]
    assert [event["why"] for event in found] == ["change 4", "change 3", "change 2"]
    assert await kinds(owner, "/admin/backends/gone/events") == ["down"]


async def test_an_unknown_backend_has_no_events(owner: Owner) -> None:
    for name in ("nobody", "%00", "a" * 300):
        await owner.refused("GET", f"/admin/backends/{name}/events", status=404)
    assert (await owner.refused("GET", f"{PATH}?kind=up"))["param"] == "kind"


async def test_backends_and_endpoints_tell_their_last_hour(owner: Owner, backend: StandIn) -> None:
    key, poor = await owner.running.key("ada"), await owner.running.key("poor", "0")
    backend.script(pieces=6, delay=0.02)
    assert (await owner.chat(key, stream=True)).status_code == 200
    backend.script(status=500)
    assert (await owner.chat(key)).status_code == 502
    assert (await owner.chat(poor)).status_code == 402
    await owner.journalled(3)
    one, gone = (await owner.done("GET", "/admin/backends"))["data"]
    assert (one["last_hour"]["requests"], one["last_hour"]["errors"]) == (2, 1)
    assert 0 < one["last_hour"]["tokens_per_second"] < 6 / (5 * 0.02) + 20
    assert gone["last_hour"] == {"requests": 0, "errors": 0, "tokens_per_second": None}
    assert one["loaded"] is None
    found = {row["name"]: row["last_hour"] for row in (await owner.done("GET", "/admin/endpoints"))["data"]}
    assert (found["chat_completions"], found["embeddings"]) == (
        {"requests": 3, "errors": 2},
        {"requests": 0, "errors": 0},
    )
    assert found["admin_users"] is None


async def test_the_drain_switch_is_written_down_once(owner: Owner) -> None:
    for drain in (True, True, False):
        await owner.done("PATCH", "/admin/backends/one", {"drain": drain})
    assert await kinds(owner) == ["resumed", "draining"]


async def test_backends_are_listed_also_while_the_database_does_not_answer(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(sql: str, *values: Any) -> Any:
        raise OSError("the database is away")

    monkeypatch.setattr(owner.gateway.store, "rows", away)
    one, gone = (await owner.done("GET", "/admin/backends"))["data"]
    assert (one["up"], gone["up"], one["last_hour"]["requests"]) == (True, False, 0)
