"""Users over the admin API."""

from decimal import Decimal
from typing import Any

import pytest

from infra.ledger import audit
from infra.store.models import AuditEvent, User
from tests.functions.admin import Admin

PATH = "/admin/users"
WRONG: list[tuple[bytes, str | None]] = [
    (b"", "username"),
    (b"{}", "username"),
    (b"[]", None),
    (b"{", None),
    (b'{"username": "ada", "balance": -1}', "balance"),
    (b'{"username": "ada", "balance": "-0.01"}', "balance"),
    (b'{"username": "ada", "balance": "NaN"}', "balance"),
    (b'{"username": "ada", "balance": NaN}', None),
    (b'{"username": "ada", "balance": "Infinity"}', "balance"),
    (b'{"username": "ada", "balance": 1e400}', "balance"),
    (b'{"username": "ada", "balance": 9000000.000000001}', "balance"),
    (b'{"username": "ada", "balance": 0.0000000001}', "balance"),
    (b'{"username": "ada", "balance": true}', "balance"),
    (b'{"username": "ada", "balance": "ten"}', "balance"),
    (b'{"username": "ada", "balence": 1}', "balence"),
    (b'{"username": ""}', "username"),
    (b'{"username": " ada"}', "username"),
    (b'{"username": "a/b"}', "username"),
    (b'{"username": "a\\u0007b"}', "username"),
    (b'{"username": "a\\u0000b"}', None),
    (b'{"username": 5}', "username"),
    (b'{"username": "' + b"a" * 65 + b'"}', "username"),
    (b'{"username": "ada", "weight": 0}', "weight"),
    (b'{"username": "ada", "weight": 1.5}', "weight"),
    (b'{"username": "ada", "weight": 1e30}', "weight"),
    (b'{"username": "ada", "limits": {"requests": "60"}}', "limits"),
    (b'{"username": "ada", "limits": {"request": "60/m"}}', "limits"),
    (b'{"username": "ada", "limits": {"concurrent": 0}}', "limits"),
    (b'{"username": "ada", "limits": []}', "limits"),
]
"""A body, and the field that its refusal names."""


async def test_a_user_is_made_with_an_exact_balance_and_shown_the_same_everywhere(admin: Admin) -> None:
    made = await admin.done("POST", PATH, b'{"username": "ada", "balance": 10.000000001}', 201)
    assert (made["username"], made["balance"], made["balance_nano"]) == ("ada", Decimal("10.000000001"), 10_000_000_001)
    assert (made["held"], made["active"], made["weight"], made["keys"]) == (0, True, 1, 0)
    assert made["limits"] == {"requests": None, "tokens": None, "concurrent": None}
    assert await admin.done("GET", f"{PATH}/ada") == made
    assert await admin.done("GET", f"{PATH}/{made['id']}") == made
    assert await admin.done("GET", PATH) == {"object": "list", "data": [made], "next": None}
    assert (await audit.audit(admin.gateway.store, reprice=True)).clean


@pytest.mark.parametrize(
    ("balance", "nano"), [(None, 0), ("10.00", 10_000_000_000), (0, 0), ("0.000000001", 1), (9_000_000, 9 * 10**15)]
)
async def test_a_balance_may_be_left_out_or_be_a_number_or_text(admin: Admin, balance: Any, nano: int) -> None:
    body = {"username": "ada"} if balance is None else {"username": "ada", "balance": balance}
    assert (await admin.done("POST", PATH, body, 201))["balance_nano"] == nano


async def test_what_is_wrong_is_named_and_no_user_is_made(admin: Admin) -> None:
    for body, param in WRONG:
        assert (await admin.refused("POST", PATH, body))["param"] == param, body
    assert await User.all().count() == 0
    assert await admin.events() == []


async def test_a_name_that_is_taken_is_a_conflict(admin: Admin) -> None:
    await admin.done("POST", PATH, {"username": "ada", "balance": 1}, 201)
    assert (await admin.refused("POST", PATH, {"username": "ada", "balance": 5}, 409))["param"] == "username"
    assert (await User.get(name="ada")).balance == 1_000_000_000


async def test_a_change_keeps_what_is_left_out_and_stands_in_the_audit_log(admin: Admin) -> None:
    await admin.done("POST", PATH, {"username": "ada", "limits": {"requests": "60/m", "concurrent": 2}}, 201)
    changed = await admin.done("PATCH", f"{PATH}/ada", {"weight": 7})
    assert (changed["weight"], changed["limits"]["requests"], changed["active"]) == (7, "60/m", True)
    changed = await admin.done("PATCH", f"{PATH}/ada", {"active": False, "limits": {"tokens": "1K/m"}})
    assert changed["limits"] == {"requests": None, "tokens": "1000/m", "concurrent": None}
    assert (await admin.done("PATCH", f"{PATH}/ada", {"limits": None}))["limits"]["tokens"] is None
    await admin.done("PATCH", f"{PATH}/ada", {})
    assert await admin.events() == [("user.create", "ada"), *[("user.change", "ada")] * 3]
    event = (await AuditEvent.filter(action="user.change").order_by("at_us", "id"))[0]
    assert (event.actor, event.address) == ("admin", "127.0.0.1")
    assert '"weight":1' in (event.before_json or "") and '"weight":7' in (event.after_json or "")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"active": "no"}, "active"),
        ({"weight": 1001}, "weight"),
        ({"balance": 5}, "balance"),
        ({"limits": 5}, "limits"),
    ],
)
async def test_a_change_that_cannot_be_changes_nothing(admin: Admin, body: Any, param: str) -> None:
    made = await admin.done("POST", PATH, {"username": "ada"}, 201)
    assert (await admin.refused("PATCH", f"{PATH}/ada", body))["param"] == param
    assert await admin.done("GET", f"{PATH}/ada") == made


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_an_unknown_user_is_404_with_the_name_that_was_meant(admin: Admin, method: str) -> None:
    await admin.done("POST", PATH, {"username": "rob"}, 201)
    body = b"{}" if method == "PATCH" else None
    assert "did you mean rob?" in (await admin.refused(method, f"{PATH}/bob", body, 404))["message"]
    assert (await admin.refused(method, f"{PATH}/%00%ff", body, 404))["code"] == "not_found"


async def test_a_list_without_limit_is_whole_and_pages_reach_everybody_once(admin: Admin) -> None:
    names = [f"user{number}" for number in range(7)]
    for name in [*names, "Ada"]:
        await admin.done("POST", PATH, {"username": name}, 201)
    assert len((await admin.done("GET", PATH))["data"]) == 8
    assert [user["username"] for user in (await admin.done("GET", f"{PATH}?q=aDA"))["data"]] == ["Ada"]
    seen, cursor = [], ""
    while cursor is not None:
        page = await admin.done("GET", f"{PATH}?q=user&limit=3&cursor={cursor}")
        seen += [user["username"] for user in page["data"]]
        cursor = page["next"]
    assert seen == names
    assert (await admin.refused("GET", f"{PATH}?q=%00"))["param"] == "q"


async def test_a_page_size_that_cannot_be_is_refused(admin: Admin) -> None:
    for limit in ("0", "-1", "many", "1001", "9" * 5000, "1.5", "²"):
        assert (await admin.refused("GET", f"{PATH}?limit={limit}"))["param"] == "limit", limit


async def test_the_same_idempotency_key_gives_the_same_answer_and_another_body_422(admin: Admin) -> None:
    own = {"idempotency-key": "once"}
    first = await admin.ask("POST", PATH, {"username": "ada", "balance": 5}, headers=own)
    again = await admin.ask("POST", PATH, {"username": "ada", "balance": 5}, headers=own)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (await admin.ask("POST", PATH, {"username": "eve"}, headers=own)).status_code == 422
    assert await User.all().count() == 1


@pytest.mark.parametrize("headers", [{"x-admin-key": ""}, {"x-admin-key": "wrong"}])
async def test_without_the_admin_key_nothing_is_done(admin: Admin, headers: dict[str, str]) -> None:
    assert (await admin.ask("POST", PATH, {"username": "ada"}, headers=headers)).status_code == 401
    assert await User.all().count() == 0


async def test_a_users_key_does_not_open_the_admin_api(admin: Admin) -> None:
    key = await admin.running.key()
    answer = await admin.ask("GET", PATH, headers={"x-admin-key": key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin_required")
