"""Tokens of the control room."""

import pytest

from infra.identity.sessions import SESSION_SECONDS, Sessions
from tests.infra.identity.conftest import Clock


def test_a_session_lasts_eight_hours_to_the_second() -> None:
    clock = Clock()
    sessions = Sessions(b"key", clock)
    token, expires_at = sessions.issue()
    assert expires_at == clock.now // 1_000_000 + 8 * 3600
    clock.pass_seconds(SESSION_SECONDS - 1)
    assert sessions.ends_at(token) == expires_at
    clock.pass_seconds(1)
    assert sessions.ends_at(token) is None


def test_a_token_of_another_key_or_with_a_later_end_is_worth_nothing() -> None:
    sessions = Sessions(b"key", Clock())
    token, expires_at = sessions.issue()
    assert not Sessions(b"other", Clock()).ends_at(token)
    assert not sessions.ends_at(token.replace(str(expires_at), str(expires_at + 1)))


@pytest.mark.parametrize(
    "text", ["", "ags-", "ags-1-2-3", "é" * 90, "x" * 100_000, "ags-٣-" + "0" * 16 + "-" + "0" * 64, "\ud800"]
)
def test_other_text_is_no_session_and_no_error(text: str) -> None:
    assert not Sessions(b"key", Clock()).ends_at(text)


def test_no_two_sessions_are_alike() -> None:
    sessions = Sessions(b"key", Clock())
    assert sessions.issue()[0] != sessions.issue()[0]
