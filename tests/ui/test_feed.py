"""One subscription to the gateway's events for all open pages, and what becomes of it when things go away."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from infra.client import AdminClient
from tests.standins.admin_api import ADMIN_KEY, AdminStandIn
from ui.feed import Feed
from ui.house import House
from ui.questions import of_the_overview


@pytest.fixture
async def standing() -> AsyncIterator[AdminStandIn]:
    async with AdminStandIn() as found:
        yield found


@pytest.fixture
async def feed(standing: AdminStandIn) -> AsyncIterator[Feed]:
    async with AdminClient(standing.url, token=ADMIN_KEY) as asking:
        found = Feed(lambda: asking)
        yield found
        await found.close()


async def until(true: Callable[[], bool]) -> None:
    """Waits until it is so, at most five seconds."""
    for _ in range(100):
        if true():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


def streams(standing: AdminStandIn) -> int:
    """How often the event stream was asked for."""
    return sum(seen.path == "/admin/events" for seen in standing.seen)


async def test_pages_hear_only_of_their_kinds(standing: AdminStandIn, feed: Feed) -> None:
    for _ in range(3):
        feed.listen()
    await until(lambda: streams(standing) == 1)
    await until(lambda: standing.listeners == 1)
    for name in ("request.started", "request.ended", "backend"):
        standing.tell(name)
    await until(lambda: feed.heard(["request.", "backend"]) == 3)
    assert feed.live
    assert feed.heard(["request."]) == 2
    assert feed.heard(["key"]) == 0
    assert streams(standing) == 1


async def test_a_gateway_without_events_is_not_asked_again_and_again(standing: AdminStandIn, feed: Feed) -> None:
    standing.refuse = (404, "no such route")
    feed.listen()
    await until(lambda: streams(standing) == 1)
    await asyncio.sleep(0.3)
    assert not feed.live
    assert streams(standing) == 1


async def test_signing_out_ends_it_quietly(standing: AdminStandIn) -> None:
    house = House(standing.url)
    session = await house.open_session(ADMIN_KEY)
    house.feed.listen()
    await until(lambda: standing.listeners == 1)
    await house.close_session(session.id)
    await until(lambda: not house.feed.live)
    await house.close()


async def test_one_answer_for_all_open_tabs(standing: AdminStandIn) -> None:
    house = House(standing.url)
    await house.open_session(ADMIN_KEY)
    asking = house._any_client()
    assert asking is not None
    found = await asyncio.gather(*(house.shared(("overview", 1), lambda: asking.overview(1)) for _ in range(10)))
    assert len({id(each) for each in found}) == 1
    assert sum(seen.path == "/admin/overview" for seen in standing.seen) == 1
    await house.close()


async def test_what_was_asked_before_a_change_is_not_told_after_it(standing: AdminStandIn) -> None:
    house = House(standing.url)
    await house.open_session(ADMIN_KEY)
    said = ["old"]

    async def answer() -> str:
        found = said[0]
        await asyncio.sleep(0.1)
        return found

    before = asyncio.create_task(house.shared("x", answer, 60))
    await asyncio.sleep(0.05)
    said[0] = "new"
    house.changed()
    assert (await before, await house.shared("x", answer, 60)) == ("old", "new")
    said[0] = "newer"
    assert await house.shared("x", answer, 60) == "new"
    house.changed()
    assert await house.shared("x", answer, 60) == "newer"
    await house.close()


async def test_what_is_asked_ahead_at_the_sign_in_is_asked_once(standing: AdminStandIn) -> None:
    house = House(standing.url)
    session = await house.open_session(ADMIN_KEY)
    asking = house.client_of(session)
    assert asking is not None
    house.ask_ahead(session, of_the_overview())
    found = [await house.shared(name, lambda ask=ask: ask(asking), fresh) for name, ask, fresh in of_the_overview()]
    assert [each["period_days"] for each in found[:3]] == [1, 7, 30]
    assert sum(seen.path in ("/admin/overview", "/admin/series") for seen in standing.seen) == len(found)
    await house.close()


async def test_what_fails_ahead_is_told_by_the_page_that_asks_again(standing: AdminStandIn) -> None:
    house = House(standing.url)
    session = await house.open_session(ADMIN_KEY)
    asking = house.client_of(session)
    assert asking is not None
    standing.refuse = (500, "not now")
    house.ask_ahead(session, of_the_overview())
    await asyncio.sleep(0.3)
    standing.refuse = None
    assert (await house.shared(("overview", 7, False), lambda: asking.overview(7), 60))["period_days"] == 7
    await house.close()


async def test_who_signs_out_before_what_was_asked_ahead_is_there_leaves_nothing_behind(
    standing: AdminStandIn,
) -> None:
    house = House(standing.url)
    first, second = await house.open_session(ADMIN_KEY), await house.open_session(ADMIN_KEY)
    for session in (first, second):
        house.ask_ahead(session, of_the_overview())
    asked = [task for tasks in house._ahead.values() for task in tasks]
    assert len(asked) == 2 * len(of_the_overview())
    await house.close_session(first.id)
    await asyncio.wait(asked)
    assert all(task.cancelled() or task.exception() is None for task in asked)
    assert list(house._ahead) == [second.id]
    await house.close()
    assert not house._ahead
