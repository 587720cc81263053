"""Every verb of the client reaches its route; amounts survive the way there and back."""

from decimal import Decimal

import pytest

from infra.client import AdminClient, ApiError


async def test_a_balance_keeps_every_digit(admin: AdminClient) -> None:
    made = await admin.add_user("bob", "1234567.123456789")
    assert made["balance"] == Decimal("1234567.123456789")
    found = await admin.user("bob")
    assert (found["balance"], found["balance_nano"]) == (Decimal("1234567.123456789"), 1_234_567_123_456_789)


async def test_an_amount_may_be_a_decimal_or_a_whole_number_but_no_float(admin: AdminClient) -> None:
    await admin.add_user("bob", Decimal("0.000000001"))
    await admin.top_up("bob", 2)
    assert (await admin.user("bob"))["balance_nano"] == 2_000_000_001
    with pytest.raises(TypeError, match=r"0\.1 is a float"):
        await admin.top_up("bob", 0.1)  # type: ignore[arg-type]


async def test_the_same_idempotency_key_moves_money_once(admin: AdminClient) -> None:
    await admin.add_user("bob", "1.00")
    first = await admin.top_up("bob", "2.00", idempotency_key="paid-4711")
    again = await admin.top_up("bob", "2.00", idempotency_key="paid-4711")
    assert first == again
    assert (await admin.user("bob"))["balance_nano"] == 3_000_000_000


async def test_without_a_key_two_top_ups_are_two(admin: AdminClient) -> None:
    await admin.add_user("bob", "1.00")
    await admin.top_up("bob", "2.00")
    await admin.top_up("bob", "2.00", reason="cash")
    assert (await admin.user("bob"))["balance_nano"] == 5_000_000_000
    assert [entry["reason"] for entry in (await admin.ledger("bob"))["data"]][:1] == ["cash"]


async def test_an_adjustment_goes_down_too(admin: AdminClient) -> None:
    await admin.add_user("bob", "1.00")
    posted = await admin.adjust("bob", "-0.25", reason="charged by mistake")
    assert (posted["amount"], posted["balance"]) == (Decimal("-0.25"), Decimal("0.75"))


async def test_a_refund_of_an_unknown_request_is_not_found(admin: AdminClient) -> None:
    with pytest.raises(ApiError) as found:
        await admin.refund("req_0000000000000000000", reason="cut off")
    assert found.value.status == 404


async def test_a_user_changes_only_in_what_is_said(admin: AdminClient) -> None:
    await admin.add_user("bob", "1.00", weight=3, limits={"requests": "60/m"})
    changed = await admin.change_user("bob", active=False)
    assert (changed["active"], changed["weight"], changed["limits"]["requests"]) == (False, 3, "60/m")
    assert [user["username"] for user in (await admin.users(q="bo"))["data"]] == ["bob"]


async def test_a_key_is_made_listed_rotated_and_revoked(admin: AdminClient) -> None:
    await admin.add_user("bob")
    made = await admin.add_key("bob", name="laptop", rate_limit="60/m", models=["qwen2.5:3b"], expires="90d")
    assert made["key"].startswith(made["key_prefix"])
    assert (made["models"], made["limits"]["requests"]) == (["qwen2.5:3b"], "60/m")
    changed = await admin.change_key(made["id"], rate_limit=None, models=None)
    assert (changed["models"], changed["limits"]["requests"], changed["name"]) == (None, None, "laptop")
    assert [key["id"] for key in (await admin.keys(q="LAPT"))["data"]] == [made["id"]]
    fresh = await admin.rotate_key(made["id"], "1h")
    assert fresh["key"] != made["key"]
    gone = await admin.revoke_key(fresh["id"])
    assert gone["active"] is False
    listed = (await admin.keys("bob"))["data"]
    assert {key["id"] for key in listed} == {made["id"], fresh["id"]}
    assert all("key" not in key for key in listed)


async def test_a_model_with_slashes_and_dots_in_its_name_is_priced_and_removed(admin: AdminClient) -> None:
    made = await admin.put_model("org/m..x", "ollama/m", price_in="0.000001", price_out="0.000002")
    assert (made["price_in"], made["price_out"]) == (Decimal("0.000001"), Decimal("0.000002"))
    await admin.put_model("org/m..x", price={"cached": "0.10/1M"})
    await admin.put_model("org/first", {"to": "ollama/f", "weight": 3}, price={"input": "1/1M"}, fallback="org/m..x")
    first = await admin.model("org/first")
    assert (first["targets"], first["weights"], first["fallback"]) == (["ollama/f"], [3], "org/m..x")
    versions = (await admin.prices("org/m..x"))["data"]
    assert versions[0]["price"] == {"input": "1.00/1M", "output": "2.00/1M", "cached": "0.10/1M"}
    await admin.remove_model("org/m..x")
    assert "org/m..x" not in [model["id"] for model in (await admin.models())["data"]]


async def test_the_rest_of_the_admin_api_answers(admin: AdminClient) -> None:
    await admin.add_user("bob", "1.00")
    assert (await admin.session())["token"]
    assert (await admin.overview(7))["users"] == 1
    assert (await admin.requests(user="bob", limit=5))["data"] == []
    assert {backend["name"] for backend in (await admin.backends())["data"]} == {"ollama", "embedded"}
    assert (await admin.audit(reprice=True))["findings"] == []
    assert (await admin.config())["gateway"]["currency"] == "USD"
    assert (await admin.check())["ok"] is True
    assert (await admin.plan())["changes"] == []
    assert (await admin.apply())["changes"] == []
    assert all(found["state"] == "serving" for found in (await admin.endpoints())["data"])
    assert (await admin.audit_events(limit=1))["data"][0]["action"] == "config.apply"


async def test_an_error_has_the_words_of_the_gateway(admin: AdminClient) -> None:
    await admin.add_user("rob")
    with pytest.raises(ApiError, match="did you mean") as found:
        await admin.user("bob")
    assert (found.value.status, str(found.value)) == (404, found.value.message)
    with pytest.raises(ApiError) as bad:
        await admin.put_model("m", "nowhere/m", price_in="1", price_out="1")
    assert (bad.value.status, bad.value.param) == (400, "upstream")
