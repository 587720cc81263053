"""Where clients put their key."""

import pytest

from infra.identity.presented import admin_key, user_key


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"authorization": "Bearer sk-1"}, "sk-1"),
        ({"authorization": "bearer sk-1"}, "sk-1"),
        ({"authorization": "BEARER    sk-1   "}, "sk-1"),
        ({"authorization": "  Bearer\tsk-1"}, "sk-1"),
        ({"x-api-key": "sk-1"}, "sk-1"),
        ({"api-key": " sk-1 "}, "sk-1"),
        ({"authorization": "Bearer sk-1", "x-api-key": "sk-2"}, "sk-1"),
        ({"authorization": "Bearer ", "x-api-key": "sk-2"}, "sk-2"),
        ({"authorization": "Basic c2sx", "api-key": "sk-3"}, "sk-3"),
        ({"authorization": "Bearer"}, None),
        ({"authorization": ""}, None),
        ({"authorization": "sk-1"}, None),
        ({"x-api-key": "  "}, None),
        ({"x-admin-key": "sk-1"}, None),
        ({}, None),
    ],
)
def test_a_users_key_is_found_in_authorization_x_api_key_or_api_key(headers: dict[str, str], found: str | None) -> None:
    assert user_key(headers) == found


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"x-admin-key": "m"}, "m"),
        ({"authorization": "Bearer m"}, "m"),
        ({"x-admin-key": "m", "authorization": "Bearer sk-1"}, "m"),
        ({"x-api-key": "m"}, None),
        ({}, None),
    ],
)
def test_the_admin_key_is_found_in_x_admin_key_or_authorization(headers: dict[str, str], found: str | None) -> None:
    assert admin_key(headers) == found
