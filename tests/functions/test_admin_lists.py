"""What all lists of the admin API have in common, and what once made one of them unreadable."""

from typing import Any

import pytest

from infra.store.clock import now_us
from infra.store.models import Key, User
from tests.functions.admin import Admin

LISTS = ("/admin/users", "/admin/keys", "/admin/prices")


@pytest.mark.parametrize("path", LISTS)
async def test_a_query_that_is_not_understood_is_a_400_and_lists_nothing(admin: Admin, path: str) -> None:
    assert (await admin.refused("GET", f"{path}?usr=bob"))["param"] == "usr"
    assert "too many" in (await admin.refused("GET", path + "?" + "&".join(f"a{n}=1" for n in range(101))))["message"]


async def test_pages_of_keys_hold_each_once_oldest_first(admin: Admin) -> None:
    for name in ("ada", "bob"):
        await admin.done("POST", "/admin/users", {"username": name}, 201)
    made = [
        (await admin.done("POST", "/admin/keys", {"username": name, "name": f"k{number}"}, 201))["id"]
        for number, name in enumerate(("ada", "bob", "ada", "ada", "bob"))
    ]
    await Key.all().update(created_us=now_us())  # all at the same moment: the id settles it
    for query, expected in (("", made), ("&user=ada", [made[0], made[2], made[3]])):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await admin.done("GET", f"/admin/keys?limit=2&cursor={cursor}{query}")
            assert len(page["data"]) <= 2
            seen += [key["id"] for key in page["data"]]
            cursor = page["next"]
        assert (sorted(seen), len(seen)) == (sorted(expected), len(expected))
    whole = await admin.done("GET", "/admin/keys")
    assert (len(whole["data"]), whole["next"]) == (5, None)
    assert {key["username"] for key in whole["data"]} == {"ada", "bob"}
    assert (await admin.refused("GET", "/admin/keys?cursor=nonsense"))["param"] == "cursor"


async def test_a_key_at_its_end_is_not_active_and_not_counted(admin: Admin) -> None:
    await admin.done("POST", "/admin/users", {"username": "ada"}, 201)
    old = await admin.done("POST", "/admin/keys", {"username": "ada", "expires": "1h"}, 201)
    await admin.done("POST", "/admin/keys", {"username": "ada"}, 201)
    assert old["active"] is True
    await Key.filter(id=old["id"]).update(expires_us=now_us() - 1)
    assert (await admin.done("GET", f"/admin/keys/{old['id']}"))["active"] is False
    assert (await admin.done("GET", "/admin/users/ada"))["keys"] == 1


@pytest.mark.parametrize("huge", ["999999999999M/d", "999999999999K/s", "999999999999/m"])
async def test_the_largest_rate_that_is_taken_can_be_shown_and_used_again(admin: Admin, huge: str) -> None:
    """It was once written to the database as digits that nobody could read: the lists and the key answered 500."""
    limits: dict[str, Any] = {"requests": huge, "tokens": huge}
    await admin.done("POST", "/admin/users", {"username": "ada", "limits": limits}, 201)
    made = await admin.done("POST", "/admin/keys", {"username": "ada", "rate_limit": huge}, 201)
    assert (await admin.done("GET", "/admin/keys"))["data"][0]["limits"]["requests"] == huge
    assert (await admin.done("GET", "/admin/users"))["data"][0]["limits"]["tokens"] == huge
    body = {"model": "stand-in", "messages": [{"role": "user", "content": "hello"}]}
    answer = await admin.ask("POST", "/v1/chat/completions", body, headers={"authorization": f"Bearer {made['key']}"})
    assert answer.status_code == 402  # nothing on the account; the limits let it through
    assert await User.filter(name="ada").exists()
