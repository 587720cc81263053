"""gateway.yaml over the admin API."""

import asyncio
from pathlib import Path

from infra.store.clock import SECOND_US, now_us
from infra.store.ids import new
from infra.store.models import Key, Request
from tests.functions.admin import Admin

PATH = "/admin/config"
CHEAP, DEAR = "input: 1.00/1M, output: 2.00/1M", "input: 1.25/1M, output: 2.00/1M"


def rewrite(admin: Admin, old: str, new: str) -> None:
    """Changes gateway.yaml on the disk."""
    path = Path(admin.gateway.manifest.path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def used(key: Key, days_ago: int = 0, state: str = "SETTLED", model: str = "stand-in") -> None:
    """A request of the past."""
    at = now_us() - days_ago * 86_400 * SECOND_US
    await Request.create(
        id=new("req"),
        state=state,
        instance="test",
        user_id=key.user_id,
        key_id=key.id,
        endpoint="chat_completions",
        model=model,
        created_us=at,
    )


async def test_what_is_in_force_is_shown_without_secrets(admin: Admin) -> None:
    found = await admin.done("GET", PATH)
    assert found["models"]["stand-in"]["price"] == {"input": "1.00/1M", "output": "2.00/1M"}
    assert list(found["backends"]) == ["one", "ollama", "left", "right"]
    assert found["overrides"] == []
    assert found["backends"]["one"]["api_key"] == "set"
    assert "hidden-in-the-file" not in (await admin.ask("GET", PATH)).text


async def test_a_good_file_is_checked_and_planned_without_a_change(admin: Admin) -> None:
    assert await admin.done("POST", f"{PATH}/check", {}) == {"ok": True, "faults": [], "notes": [], "overrides": []}
    assert await admin.done("POST", f"{PATH}/plan") == {"changes": [], "overrides": []}
    rewrite(admin, CHEAP, DEAR)
    planned = (await admin.done("POST", f"{PATH}/plan", {}))["changes"]
    assert planned == [
        {"kind": "price", "subject": "stand-in", "text": "input 1.00/1M → 1.25/1M (+25 %)", "keys": 0, "users": 0}
    ]
    assert (await admin.done("GET", "/admin/models/stand-in"))["price"]["input"] == "1.00/1M"
    assert await admin.events() == []


async def test_apply_puts_the_file_in_force_and_the_audit_log_says_what_changed(admin: Admin) -> None:
    rewrite(admin, CHEAP, DEAR)
    rewrite(admin, "max_output: 64", "max_output: 128")
    applied = await admin.done("POST", f"{PATH}/apply", {})
    assert [(change["kind"], change["subject"]) for change in applied["changes"]] == [
        ("model", "stand-in"),
        ("price", "stand-in"),
    ]
    model = await admin.done("GET", "/admin/models/stand-in")
    assert (model["price"]["input"], model["max_output"], model["overrides_file"]) == ("1.25/1M", 128, False)
    assert await admin.done("POST", f"{PATH}/plan", {}) == {"changes": [], "overrides": []}
    assert await admin.events() == [("config.apply", "gateway.yaml")]


async def test_a_plan_says_how_many_keys_and_users_a_price_touches(admin: Admin) -> None:
    for name in ("ada", "ada", "bob", "eve", "eve"):
        await admin.ask("POST", "/admin/users", {"username": name})
        await admin.done("POST", "/admin/keys", {"username": name}, 201)
    first, second, third, old, other = await Key.all().order_by("created_us")
    await used(first)
    await used(first)
    await used(second, days_ago=29)
    await used(third, days_ago=1)
    await used(old, days_ago=31)
    await used(other, state="VOID")
    await used(other, model="other")
    rewrite(admin, CHEAP, DEAR)
    planned = (await admin.done("POST", f"{PATH}/plan", {}))["changes"]
    assert [(change["keys"], change["users"]) for change in planned] == [(3, 2)]


async def test_all_faults_are_told_with_their_lines_and_nothing_is_changed(admin: Admin) -> None:
    rewrite(admin, CHEAP, "input: 1.00, outputs: 2.00/1M")
    rewrite(admin, "backend: one/stand-in", "backend: won/stand-in")
    checked = await admin.done("POST", f"{PATH}/check", {})
    assert checked["ok"] is False
    places = {fault["where"]: fault for fault in checked["faults"]}
    assert len(places) >= 3
    assert 'did you mean "one"?' in places["models.stand-in.backend"]["message"]
    assert all(fault["line"] == 9 and fault["file"].endswith("gateway.yaml") for fault in checked["faults"])
    for verb in ("plan", "apply"):
        message = (await admin.refused("POST", f"{PATH}/{verb}", {}))["message"]
        assert all(fault["message"] in message for fault in checked["faults"])
    model = await admin.done("GET", "/admin/models/stand-in")
    assert (model["targets"], model["price"]["input"]) == (["one/stand-in"], "1.00/1M")
    assert await admin.events() == []


async def test_a_file_that_is_gone_is_a_fault_and_the_gateway_goes_on(admin: Admin) -> None:
    await asyncio.to_thread(Path(admin.gateway.manifest.path).unlink)
    checked = await admin.done("POST", f"{PATH}/check", {})
    assert (checked["ok"], [fault["line"] for fault in checked["faults"]]) == (False, [0])
    await admin.refused("POST", f"{PATH}/apply", {})
    assert (await admin.done("GET", "/admin/models/stand-in"))["active"] is True


async def test_what_the_owner_set_by_hand_is_listed_as_an_override_and_survives_apply(admin: Admin) -> None:
    await admin.done("POST", "/admin/models", {"id": "stand-in", "price_in": "0.000005"})
    for answer in (
        await admin.done("POST", f"{PATH}/check", {}),
        await admin.done("POST", f"{PATH}/plan", {}),
        await admin.done("POST", f"{PATH}/apply", {}),
        await admin.done("GET", PATH),
    ):
        assert [text.partition(":")[0] for text in answer["overrides"]] == ["stand-in"]
    assert (await admin.done("GET", "/admin/models/stand-in"))["price"]["input"] == "5.00/1M"


async def test_a_price_that_the_file_changes_wins_over_the_owners_and_the_plan_says_so(admin: Admin) -> None:
    await admin.done("POST", "/admin/models", {"id": "stand-in", "price_in": "0.000005"})
    rewrite(admin, CHEAP, DEAR)
    for verb in ("check", "plan", "apply"):
        assert (await admin.done("POST", f"{PATH}/{verb}", {}))["overrides"] == [], verb
    assert (await admin.done("GET", "/admin/models/stand-in"))["price"]["input"] == "1.25/1M"


async def test_a_plan_counts_from_the_price_in_force_not_from_what_the_file_said(admin: Admin) -> None:
    await admin.done("POST", "/admin/models", {"id": "stand-in", "price_in": "0.000005", "price_out": "0.000004"})
    rewrite(admin, CHEAP, DEAR)
    expected = ["input 5.00/1M → 1.25/1M (−75 %)", "output 4.00/1M → 2.00/1M (−50 %)"]
    for verb in ("plan", "apply"):
        changes = (await admin.done("POST", f"{PATH}/{verb}", {}))["changes"]
        assert [change["text"] for change in changes if change["kind"] == "price"] == expected, verb


async def test_the_file_is_the_gateways_own(admin: Admin) -> None:
    for verb in ("check", "plan", "apply"):
        for body in (b'{"path": "/etc/passwd"}', b"[]"):
            await admin.refused("POST", f"{PATH}/{verb}", body)
    assert await admin.events() == []


async def test_a_repeated_apply_is_answered_as_the_first_time(admin: Admin) -> None:
    rewrite(admin, CHEAP, DEAR)
    own = {"idempotency-key": "apply"}
    first = await admin.ask("POST", f"{PATH}/apply", {}, headers=own)
    again = await admin.ask("POST", f"{PATH}/apply", {}, headers=own)
    assert (first.status_code, again.content) == (200, first.content)
    assert len(first.json()["changes"]) == 1
    assert await admin.events() == [("config.apply", "gateway.yaml")]
