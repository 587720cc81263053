"""What a caller may know of itself, and of nobody else."""

from decimal import Decimal

from infra.config.objects import Limits
from infra.units import rate
from tests.functions.trade.owner import COST, Owner

PATHS = ["/v1/account", "/v1/account/usage", "/v1/account/requests"]

MISUNDERSTOOD = [
    ("/v1/account?x=1", "x"),
    ("/v1/account/usage?days=0", "days"),
    ("/v1/account/usage?days=367", "days"),
    ("/v1/account/usage?days=1e2", "days"),
    ("/v1/account/requests?limit=0", "limit"),
    ("/v1/account/requests?cursor=x", "cursor"),
    ("/v1/account/requests?from=soon", "from"),
    ("/v1/account/requests?user=bob", "user"),
]


async def test_an_account_shows_balance_limits_and_its_keys_without_secrets(owner: Owner) -> None:
    key = await owner.running.key(limits=Limits(requests=rate("60/m")), models=["stand-in"])
    await owner.chat(key)
    await owner.running.key("bob")
    found = await owner.get("/v1/account", key)
    assert (found["object"], found["username"], found["currency"]) == ("account", "ada", "USD")
    assert (found["balance"], found["balance_nano"]) == (Decimal("9.999987"), 10_000_000_000 - COST)
    assert (found["held_nano"], found["free_nano"]) == (0, found["balance_nano"])
    [own] = found["keys"]
    assert own["id"] == found["key"]
    assert (own["limits"]["requests"], own["models"]) == ("60/m", ["stand-in"])
    assert key not in str(found)
    assert "hmac" not in str(found)


async def test_usage_is_the_callers_own_by_day_model_and_key(owner: Owner) -> None:
    ada, bob = await owner.running.key("ada"), await owner.running.key("bob")
    for key in (ada, ada, bob):
        await owner.chat(key)
    found = await owner.get("/v1/account/usage", ada)
    assert (found["period_days"], found["requests"], found["cost"]) == (30, 2, Decimal("0.000026"))
    assert (found["input_tokens"], found["output_tokens"], found["errors"]) == (6, 10, 0)
    assert [(row["model"], row["cost_nano"]) for row in found["by_model"]] == [("stand-in", 2 * COST)]
    assert [(row["name"], row["requests"]) for row in found["by_key"]] == [("default", 2)]
    assert len(found["by_day"]) == 1
    empty = await owner.get("/v1/account/usage?days=1", await owner.running.key("eve"))
    assert (empty["requests"], empty["cost"], empty["by_day"], empty["by_key"]) == (0, 0, [], [])


async def test_requests_are_the_callers_own_and_hide_the_house_behind(owner: Owner) -> None:
    ada, bob = await owner.running.key("ada"), await owner.running.key("bob")
    mine = (await owner.chat(ada)).headers["x-request-id"]
    other = (await owner.chat(bob)).headers["x-request-id"]
    [row] = (await owner.get("/v1/account/requests", ada))["data"]
    assert (row["id"], row["charged_nano"], row["status"]) == (mine, COST, 200)
    assert not {"backend", "upstream", "username", "instance", "shortfall"} & set(row)
    one = await owner.get(f"/v1/account/requests/{mine}", ada)
    assert sum(line["amount_nano"] for line in one["cost"]) == COST
    of_another = await owner.get(f"/v1/account/requests/{other}", ada, 404)
    of_nobody = await owner.get("/v1/account/requests/req_00000000000000000000", ada, 404)
    assert str(of_another).replace(other, "X") == str(of_nobody).replace("req_00000000000000000000", "X")


async def test_another_users_key_as_a_filter_is_like_one_that_does_not_exist(owner: Owner) -> None:
    ada, bob = await owner.running.key("ada"), await owner.running.key("bob")
    await owner.chat(ada)
    await owner.chat(bob)
    own, foreign = [(await owner.get("/v1/account", key))["key"] for key in (ada, bob)]
    expected = {own: 1, f"sk-{own}": 1, foreign: 0, "unknown": 0}
    for key_id, count in expected.items():
        assert len((await owner.get(f"/v1/account/requests?key={key_id}", ada))["data"]) == count


async def test_pages_of_own_requests_never_hold_anothers_even_with_anothers_cursor(owner: Owner) -> None:
    ada, bob = await owner.running.key("ada"), await owner.running.key("bob")
    mine = [(await owner.chat(key)).headers["x-request-id"] for key in (ada, bob, ada, bob)][::2]
    cursor = (await owner.get("/v1/account/requests?limit=1", bob))["next"]
    rows = (await owner.get(f"/v1/account/requests?cursor={cursor}", ada))["data"]
    assert [row["id"] for row in rows] == mine[::-1]


async def test_a_query_that_cannot_be_understood_is_a_400_that_names_the_field(owner: Owner) -> None:
    key = await owner.running.key()
    for path, param in MISUNDERSTOOD:
        assert (await owner.get(path, key, 400))["error"]["param"] == param


async def test_an_account_opens_to_keys_alone(owner: Owner) -> None:
    for path in PATHS:
        assert (await owner.running.client.get(path)).status_code == 401
