"""Keys over the admin API."""

import asyncio
import json
import time
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from infra.store.models import AuditEvent, Key, Replay
from tests.functions.admin import Admin
from tests.standins.running import ADMIN_KEY

PATH = "/admin/keys"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({}, "username", "missing"),
    ({"name": ""}, "name", "1 to 64"),
    ({"name": "a\u202eb"}, "name", "control"),
    ({"rate_limit": "60"}, "rate_limit", "is not a rate"),
    ({"rate_limit": 60}, "rate_limit", "Expected"),
    ({"rate_limit": "60/m", "limits": {"requests": "5/m"}}, "rate_limit", "the same"),
    ({"limits": {"token": "1/m"}}, "limits", "did you mean tokens?"),
    ({"models": ["stand-im"]}, "models", 'did you mean "stand-in"?'),
    ({"models": []}, "models", "empty"),
    ({"models": "stand-in"}, "models", "Expected"),
    ({"expires": "soon"}, "expires", "is not a duration"),
    ({"expires": "0s"}, "expires", "future"),
    ({"expires": "9" * 400 + "d"}, "expires", "100 years"),
    ({"expires": 90}, "expires", "Expected"),
    ({"active": False}, "active", "unknown field"),
    ({"owner": 1}, "owner", "Expected"),
]
"""What is wrong beside the username (nothing: that too is missing), the field that is named, words of the sentence."""


async def minted(admin: Admin, **body: Any) -> dict[str, Any]:
    """A key of ada, who is made where she is not there."""
    await admin.ask("POST", "/admin/users", {"username": "ada"})
    found: dict[str, Any] = await admin.done("POST", PATH, {"username": "ada", **body}, 201)
    return found


async def opens(admin: Admin, key: str) -> int:
    """The status that this key gets; 404 (an unknown model) means that the key itself was let in."""
    body = {"model": "nothing", "messages": [{"role": "user", "content": "hi"}]}
    return (await admin.running.post("/v1/chat/completions", key, body)).status_code


async def test_a_key_is_shown_once_and_never_kept(admin: Admin) -> None:
    made = await minted(admin, name="default", rate_limit="60/m")
    secret = made.pop("key")
    assert secret.startswith(made["key_prefix"]) and len(secret) > 40
    assert (made["name"], made["username"], made["limits"]["requests"]) == ("default", "ada", "60/m")
    assert await opens(admin, secret) == 404
    listed = await admin.ask("GET", PATH)
    assert [key["id"] for key in listed.json()["data"]] == [made["id"]]
    kept = [event.after_json or "" for event in await AuditEvent.all()] + [row.body or "" for row in await Replay.all()]
    assert secret not in listed.text + "".join(kept)
    assert await admin.events() == [("user.create", "ada"), ("key.mint", made["key_prefix"])]


async def test_a_key_holds_what_was_asked_for(admin: Admin) -> None:
    made = await minted(
        admin, name="team", limits={"tokens": "1K/m", "concurrent": 2}, rate_limit="5/m", models=["stand-in"],
        expires="90d", owner=True,
    )  # fmt: skip
    assert made["limits"] == {"requests": "5/m", "tokens": "1000/m", "concurrent": 2}
    assert (made["models"], made["owner"], made["replaced_by"]) == (["stand-in"], True, None)
    assert abs(made["expires_at"] - time.time() - 90 * 86_400) < 60
    del made["key"]
    for name in (made["id"], made["key_prefix"]):
        assert await admin.done("GET", f"{PATH}/{name}") == made


async def test_what_is_wrong_is_named_and_no_key_is_minted(admin: Admin) -> None:
    await admin.done("POST", "/admin/users", {"username": "ada"}, 201)
    for body, param, words in WRONG:
        error = await admin.refused("POST", PATH, {"username": "ada", **body} if body else {})
        assert error["param"] == param, body
        assert words in error["message"]
    assert await Key.all().count() == 0


async def test_a_key_for_an_unknown_user_is_404_with_the_name_that_was_meant(admin: Admin) -> None:
    await minted(admin)
    assert "did you mean ada?" in (await admin.refused("POST", PATH, {"username": "adda"}, 404))["message"]
    assert "did you mean ada?" in (await admin.refused("GET", f"{PATH}?user=Ada", None, 404))["message"]


async def test_keys_are_listed_by_user(admin: Admin) -> None:
    await minted(admin, name="first")
    await minted(admin, name="second")
    await admin.done("POST", "/admin/users", {"username": "eve"}, 201)
    await admin.done("POST", PATH, {"username": "eve"}, 201)
    names = [(key["username"], key["name"]) for key in (await admin.done("GET", PATH))["data"]]
    assert names == [("ada", "first"), ("ada", "second"), ("eve", "default")]
    assert [key["name"] for key in (await admin.done("GET", f"{PATH}?user=ada"))["data"]] == ["first", "second"]
    assert [user["keys"] for user in (await admin.done("GET", "/admin/users"))["data"]] == [2, 1]


async def test_a_change_holds_at_the_next_request_and_keeps_what_is_left_out(admin: Admin) -> None:
    made = await minted(admin, limits={"tokens": "1K/m"}, models=["stand-in"], expires="90d")
    path = f"{PATH}/{made['id']}"
    assert await opens(admin, made["key"]) == 404
    changed = await admin.done("PATCH", path, {"active": False, "name": "off", "rate_limit": "9/m"})
    assert await opens(admin, made["key"]) == 403
    assert (changed["name"], changed["limits"]["requests"], changed["limits"]["tokens"]) == ("off", "9/m", "1000/m")
    assert (changed["models"], changed["expires_at"]) == (["stand-in"], made["expires_at"])
    changed = await admin.done("PATCH", path, {"active": True, "models": None, "expires": None, "limits": None})
    assert (changed["models"], changed["expires_at"], changed["limits"]["tokens"]) == (None, None, None)
    assert await opens(admin, made["key"]) == 404
    assert (await admin.refused("PATCH", path, {"models": ["x"]}))["param"] == "models"
    assert (await admin.refused("PATCH", path, {"username": "eve"}))["param"] == "username"
    assert [action for action, _ in await admin.events()] == ["user.create", "key.mint", "key.change", "key.change"]


async def test_a_revoked_key_is_over_at_once_and_for_good(admin: Admin) -> None:
    made = await minted(admin)
    path = f"{PATH}/{made['id']}"
    assert await opens(admin, made["key"]) == 404
    revoked = await admin.done("DELETE", path)
    assert (revoked["id"], revoked["active"]) == (made["id"], False)
    assert await opens(admin, made["key"]) == 401
    assert await admin.done("DELETE", path) == revoked
    await admin.refused("PATCH", path, {"active": True}, 409)
    await admin.refused("POST", f"{path}/rotate", {}, 409)
    assert [action for action, _ in await admin.events()] == ["user.create", "key.mint", "key.revoke"]


async def test_a_rotated_key_works_until_the_grace_is_over(admin: Admin) -> None:
    old = await minted(admin, name="team", rate_limit="60/m", models=["stand-in"])
    new = await admin.done("POST", f"{PATH}/{old['id']}/rotate", {"grace": "1h"}, 201)
    assert new["key"] != old["key"]
    assert (new["name"], new["limits"], new["models"]) == (old["name"], old["limits"], old["models"])
    assert [await opens(admin, key) for key in (old["key"], new["key"])] == [404, 404]
    shown = await admin.done("GET", f"{PATH}/{old['id']}")
    assert shown["replaced_by"] == new["id"]
    assert abs(shown["expires_at"] - time.time() - 3_600) < 60
    await admin.refused("POST", f"{PATH}/{old['id']}/rotate", {}, 409)
    newest = await admin.done("POST", f"{PATH}/{new['id']}/rotate", None, 201)
    assert [await opens(admin, key) for key in (new["key"], newest["key"])] == [401, 404]
    assert (await admin.events())[-1] == ("key.rotate", new["key_prefix"])


async def test_a_grace_that_cannot_be_is_refused_and_the_key_goes_on(admin: Admin) -> None:
    made = await minted(admin)
    for grace in ("1", "-1s", "367d", "9" * 400 + "d", 5):
        assert (await admin.refused("POST", f"{PATH}/{made['id']}/rotate", {"grace": grace}))["param"] == "grace", grace
    assert await opens(admin, made["key"]) == 404


async def test_an_admin_who_leaves_stops_neither_the_change_nor_its_audit_event(admin: Admin) -> None:
    made = await minted(admin)
    free = asyncio.Event()
    busy = asyncio.create_task(admin.gateway.store.write(free.wait))
    with pytest.raises(httpx.ReadTimeout):
        await admin.running.client.delete(f"{PATH}/{made['id']}", headers={"x-admin-key": ADMIN_KEY}, timeout=0.5)
    await asyncio.sleep(0.3)  # the server has seen the connection close by now
    free.set()
    await busy
    for _ in range(100):
        if len(await admin.events()) == 3:
            break
        await asyncio.sleep(0.02)
    assert (await admin.events())[-1] == ("key.revoke", made["key_prefix"])
    assert await opens(admin, made["key"]) == 401


async def test_an_unknown_key_is_404(admin: Admin) -> None:
    for method, tail in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        for name in ("sk-nothing", "%00", "%ff"):
            body = b"{}" if method in ("POST", "PATCH") else None
            assert (await admin.refused(method, f"{PATH}/{name}{tail}", body, 404))["code"] == "not_found"


async def test_a_repeated_mint_neither_makes_a_second_key_nor_shows_the_first_again(admin: Admin) -> None:
    await admin.done("POST", "/admin/users", {"username": "ada"}, 201)
    own, body = {"idempotency-key": "mint-once"}, {"username": "ada"}
    first = await admin.ask("POST", PATH, body, headers=own)
    assert first.status_code == 201
    again = await admin.ask("POST", PATH, body, headers=own)
    assert again.status_code == 409
    assert first.json()["key"] not in again.text
    assert (await admin.ask("POST", PATH, {"username": "ada", "name": "x"}, headers=own)).status_code == 422
    assert await Key.all().count() == 1
    assert first.json()["key"] not in json.dumps([row.body for row in await Replay.all()])


async def test_a_refused_mint_gives_its_idempotency_key_free_again(admin: Admin) -> None:
    own, body = {"idempotency-key": "mint"}, {"username": "ada"}
    assert (await admin.ask("POST", PATH, body, headers=own)).status_code == 404
    await admin.done("POST", "/admin/users", {"username": "ada"}, 201)
    assert (await admin.ask("POST", PATH, body, headers=own)).status_code == 201


async def test_a_session_token_opens_the_admin_api_and_is_not_kept(admin: Admin) -> None:
    opened = await admin.done("POST", "/admin/session", {})
    assert abs(opened["expires_at"] - time.time() - 8 * 3_600) < 60
    answer = await admin.running.client.get(PATH, headers={"authorization": f"Bearer {opened['token']}"})
    assert answer.status_code == 200, answer.text
    assert (await admin.refused("POST", "/admin/session", {"hours": 9}))["param"] == "hours"
    assert [action for action, _ in await admin.events()] == ["session.open"]
    assert opened["token"] not in ((await AuditEvent.get(action="session.open")).after_json or "")


async def test_a_session_cannot_open_the_next_one(admin: Admin) -> None:
    opened = await admin.done("POST", "/admin/session", {})
    own = {"authorization": f"Bearer {opened['token']}"}
    answer = await admin.running.client.post("/admin/session", json={}, headers=own)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin_required")
    assert [action for action, _ in await admin.events()] == ["session.open"]


async def test_keys_are_found_by_a_part_of_their_name_their_prefix_or_their_user(admin: Admin) -> None:
    laptop = await minted(admin, name="Laptop")
    await admin.ask("POST", "/admin/users", {"username": "bob.of.the.hill"})
    other = await admin.done("POST", PATH, {"username": "bob.of.the.hill", "name": "phone"}, 201)
    # With dots, which no random id or prefix has.
    for q, found in (("LAPTOP", [laptop]), (other["key_prefix"][:9], [other]), ("ob.of.the", [other]), ("no.body", [])):
        listed = (await admin.ask("GET", f"{PATH}?q={quote(q)}")).json()["data"]
        assert [key["id"] for key in listed] == [key["id"] for key in found], q


async def test_a_key_says_why_it_does_not_work(admin: Admin) -> None:
    made = await minted(admin)
    assert made["state"] == "active"
    for change, state in (({"active": False}, "off"), ({"active": True, "expires": "1h"}, "active")):
        assert (await admin.done("PATCH", f"{PATH}/{made['id']}", change, 200))["state"] == state
    after = await admin.done("POST", f"{PATH}/{made['id']}/rotate", {}, 201)
    assert (await admin.ask("GET", f"{PATH}/{made['id']}")).json()["state"] == "replaced"
    await Key.filter(id=after["id"]).update(expires_us=1)
    assert (await admin.ask("GET", f"{PATH}/{after['id']}")).json()["state"] == "expired"
    assert (await admin.done("DELETE", f"{PATH}/{after['id']}", None, 200))["state"] == "revoked"
