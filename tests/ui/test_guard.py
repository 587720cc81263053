"""Where a sign-in may lead, and what a proxy may say about our path."""

import pytest
from starlette.requests import Request

from ui.guard import inside, prefix_of

ELSEWHERE = [
    None, "", "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%5Cevil.example",
    "/\t/evil.example", "/%09/evil.example", "/\n/evil.example", "javascript:alert(1)", "users", "/sign-in?next=/",
    "/sign-out", "///evil.example",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_sign_in_leads_out_of_the_control_room(target: str | None) -> None:
    assert inside(target) == "/"


@pytest.mark.parametrize("target", ["/", "/users", "/requests?user=a%20b", "/users?q=https://x"])
def test_pages_of_the_control_room_are_kept(target: str) -> None:
    assert inside(target) == target


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("/console", "/console"),
        ("/a/b/", "/a/b"),
        ("", ""),
        ("//evil.example", ""),
        ('/"><script>', ""),
        ("console", ""),
    ],
)
def test_a_forwarded_prefix_is_taken_only_where_it_is_a_path(said: str, taken: str) -> None:
    assert prefix_of(Request({"type": "http", "headers": [(b"x-forwarded-prefix", said.encode())]})) == taken
