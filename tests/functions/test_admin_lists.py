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


async def walked(admin: Admin, path: str, between: Any = None) -> list[dict[str, Any]]:
    """All rows of a list, page by page; `between` happens after the first."""
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await admin.done("GET", f"{path}&limit=2&cursor={cursor}")
        if not seen and between is not None:
            await between()
        seen += page["data"]
        cursor = page["next"]
    return seen


async def crowd(admin: Admin) -> dict[str, str]:
    """Six users: name → id."""
    ids = {}
    for name, balance in (("Eve", "3"), ("ada", "7"), ("bob", "7"), ("Carl", "0"), ("dan", "7"), ("50%_off", "1")):
        ids[name] = (await admin.done("POST", "/admin/users", {"username": name, "balance": balance}, 201))["id"]
    return ids


async def test_users_come_in_any_order_each_once_page_by_page(admin: Admin) -> None:
    ids = await crowd(admin)
    by_name = ["50%_off", "ada", "bob", "Carl", "dan", "Eve"]
    names = [user["username"] for user in await walked(admin, "/admin/users?sort=name")]
    assert names == by_name
    names = [user["username"] for user in await walked(admin, "/admin/users?sort=-name")]
    assert names == by_name[::-1]
    rich = sorted(("ada", "bob", "dan"), key=lambda name: ids[name], reverse=True)
    expected = [*rich, "Eve", "50%_off", "Carl"]
    assert [user["username"] for user in await walked(admin, "/admin/users?sort=-balance")] == expected
    assert [user["username"] for user in await walked(admin, "/admin/users?sort=balance")] == expected[::-1]
    whole = await admin.done("GET", "/admin/users?sort=-balance")
    assert ([user["username"] for user in whole["data"]], whole["next"]) == (expected, None)
    assert [user["username"] for user in await walked(admin, "/admin/users?sort=name&q=%25_")] == ["50%_off"]


async def test_a_page_goes_on_where_the_one_before_ended_though_its_last_user_has_moved(admin: Admin) -> None:
    await crowd(admin)

    async def moves() -> None:
        # Who was shown last becomes the poorest, and somebody new the richest.
        await admin.done("POST", "/admin/users", {"username": "zoe", "balance": "9"}, 201)
        await User.filter(name__in=shown).update(balance=0)

    shown = [user["username"] for user in (await admin.done("GET", "/admin/users?sort=-balance&limit=2"))["data"]]
    names = [user["username"] for user in await walked(admin, "/admin/users?sort=-balance", moves)]
    assert set(names) == {"Eve", "ada", "bob", "Carl", "dan", "50%_off"}
    assert names[:2] == shown
    assert names[2:4] == [*({"ada", "bob", "dan"} - set(shown)), "Eve"]


async def test_a_cursor_of_another_order_or_nobody_s_is_refused(admin: Admin) -> None:
    await crowd(admin)
    cursor = (await admin.done("GET", "/admin/users?sort=name&limit=2"))["next"]
    for sort, wrong in (("-name", cursor), ("balance", cursor), ("name", "nonsense"), ("name", "W10")):
        assert (await admin.refused("GET", f"/admin/users?sort={sort}&cursor={wrong}"))["param"] == "cursor"
    assert (await admin.refused("GET", "/admin/users?sort=wealth"))["param"] == "sort"


async def test_keys_are_found_by_their_state_and_each_is_in_the_one_it_says(admin: Admin) -> None:
    await admin.done("POST", "/admin/users", {"username": "ada"}, 201)
    names = ("active", "off", "expired", "revoked", "replaced", "grace")
    ids = {
        name: (await admin.done("POST", "/admin/keys", {"username": "ada", "name": name, "expires": "1d"}, 201))["id"]
        for name in names
    }
    await admin.done("PATCH", f"/admin/keys/{ids['off']}", {"active": False})
    await Key.filter(id=ids["expired"]).update(expires_us=now_us() - 1)
    await admin.done("DELETE", f"/admin/keys/{ids['revoked']}")
    await admin.done("POST", f"/admin/keys/{ids['replaced']}/rotate", {}, 201)
    await admin.done("POST", f"/admin/keys/{ids['grace']}/rotate", {"grace": "1h"}, 201)
    found = {
        state: [(key["name"], key["state"]) for key in await walked(admin, f"/admin/keys?state={state}")]
        for state in ("active", "off", "replaced", "revoked", "expired")
    }
    active = sorted(found.pop("active"))
    assert active == [(name, "active") for name in ("active", "grace", "grace", "replaced")]
    assert found == {state: [(state, state)] for state in ("off", "replaced", "revoked", "expired")}
    assert (await admin.refused("GET", "/admin/keys?state=dead"))["param"] == "state"


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
