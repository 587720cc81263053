"""Sign-ins live in memory until they expire; attempts are braked by address and in all."""

import time

from ui.session import SESSIONS_MAX, Brake, Sessions


def test_a_session_is_found_until_it_expires() -> None:
    sessions = Sessions()
    now = int(time.time())
    alive, dead = sessions.open("a", now + 60), sessions.open("b", now - 1)
    assert sessions.find(alive.id) == alive
    assert sessions.find(dead.id) is None
    assert sessions.find(None) is None
    assert sessions.find(["x"]) is None


def test_a_closed_session_is_gone_and_closing_twice_is_no_error() -> None:
    sessions = Sessions()
    session = sessions.open("a", int(time.time()) + 60)
    sessions.close(session.id)
    sessions.close(session.id)
    assert sessions.find(session.id) is None


def test_sessions_are_bounded_and_the_oldest_go_first() -> None:
    sessions = Sessions()
    opened = [sessions.open("t", int(time.time()) + 60) for _ in range(SESSIONS_MAX + 1)]
    assert sessions.find(opened[0].id) is None
    assert sessions.find(opened[1].id) is not None
    assert len({session.id for session in opened}) == SESSIONS_MAX + 1


async def test_the_brake_stops_one_address_and_lets_another_pass() -> None:
    brake = Brake(per_address=3, in_all=100)
    assert [await brake.passes("a") for _ in range(5)] == [True, True, True, False, False]
    assert await brake.passes("b")


async def test_many_addresses_together_are_braked_too() -> None:
    brake = Brake(per_address=3, in_all=4)
    assert [await brake.passes(str(place)) for place in range(6)] == [True] * 4 + [False] * 2
