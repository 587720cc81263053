"""Tokens of the control room."""

import pytest

from infra.config.urls import database_url
from infra.identity.sessions import SESSION_SECONDS, Sessions
from infra.store.database import Store
from tests.infra.identity.conftest import Clock


def nowhere() -> Store:
    """A store that is not opened: signing and reading a token asks no database."""
    return Store(database_url("sqlite:///nowhere.db"))


def test_a_session_lasts_eight_hours_to_the_second() -> None:
    clock = Clock()
    sessions = Sessions(b"key", clock, nowhere())
    token, expires_at = sessions.issue()
    assert expires_at == clock.now // 1_000_000 + 8 * 3600
    clock.pass_seconds(SESSION_SECONDS - 1)
    assert sessions.ends_at(token) == expires_at
    clock.pass_seconds(1)
    assert sessions.ends_at(token) is None


def test_a_token_of_another_key_or_with_a_later_end_is_worth_nothing() -> None:
    sessions = Sessions(b"key", Clock(), nowhere())
    token, expires_at = sessions.issue()
    assert not Sessions(b"other", Clock(), nowhere()).ends_at(token)
    assert not sessions.ends_at(token.replace(str(expires_at), str(expires_at + 1)))


@pytest.mark.parametrize(
    "text", ["", "ags-", "ags-1-2-3", "é" * 90, "x" * 100_000, "ags-٣-" + "0" * 16 + "-" + "0" * 64, "\ud800"]
)
def test_other_text_is_no_session_and_no_error(text: str) -> None:
    assert not Sessions(b"key", Clock(), nowhere()).ends_at(text)


def test_no_two_sessions_are_alike() -> None:
    sessions = Sessions(b"key", Clock(), nowhere())
    assert sessions.issue()[0] != sessions.issue()[0]


async def test_a_session_that_is_handed_back_is_over_in_every_process_and_forgotten_after_its_time(
    database: str,
) -> None:
    store, clock = Store(database_url(database)), Clock()
    await store.open()
    try:
        here, there = Sessions(b"key", clock, store), Sessions(b"key", clock, store)
        (token, expires_at), (other, _) = here.issue(), here.issue()
        claim = here.claim_of(token)
        await here.end(claim)
        await here.end(claim)
        assert (here.ends_at(token), here.ended(claim)) == (None, True)
        assert there.ends_at(token) == expires_at, "until it looks"
        await there.refresh()
        assert (there.ends_at(token), there.ends_at(other)) == (None, expires_at)
        clock.pass_seconds(SESSION_SECONDS)
        await here.end(here.claim_of(here.issue()[0]))
        await there.refresh()
        assert not there.ended(claim)
        assert len(await store.rows("SELECT claim FROM ended_sessions")) == 1
    finally:
        await store.close()
