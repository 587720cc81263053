"""What users spent lately, and the list in its order."""

from decimal import Decimal

from infra.store.clock import now_us
from infra.store.models import Key, Request
from infra.units import DAYS
from tests.functions.trade.owner import COST, Owner

DAY_US = DAYS * 1_000_000


async def test_users_say_what_they_spent_and_when_they_asked_and_come_in_that_order(owner: Owner) -> None:
    for name, chats in (("ada", 1), ("bob", 3), ("carl", 0)):
        key = await owner.running.key(name)
        for _ in range(chats):
            assert (await owner.chat(key)).status_code == 200
    await owner.journalled(4)
    await owner.gateway.identity.flush_last_used()
    found = (await owner.done("GET", "/admin/users?sort=-spent"))["data"]
    assert [(user["username"], user["spent_nano"]) for user in found] == [
        ("bob", 3 * COST),
        ("ada", COST),
        ("carl", 0),
    ]
    assert found[0]["spent"] == Decimal(3 * COST) / 10**9
    [bob] = [user for user in found if user["username"] == "bob"]
    assert abs(bob["last_used_at"] * 1_000_000 - now_us()) < 60_000_000
    assert found[2]["last_used_at"] is None
    await Key.filter(user_id=bob["id"]).update(last_used_us=now_us() - DAY_US)
    for sort, names in (("last_used", ["carl", "bob", "ada"]), ("-last_used", ["ada", "bob", "carl"])):
        pages = await owner.done("GET", f"/admin/users?sort={sort}&limit=2")
        rest = await owner.done("GET", f"/admin/users?sort={sort}&limit=2&cursor={pages['next']}")
        assert [user["username"] for user in [*pages["data"], *rest["data"]]] == names


async def test_what_was_spent_longer_ago_than_thirty_days_does_not_count_and_a_refund_comes_off(owner: Owner) -> None:
    key = await owner.running.key("ada")
    first, second = [(await owner.chat(key)).headers["x-request-id"] for _ in range(2)]
    await owner.journalled(2)
    await owner.move("refunds", {"request_id": second, "amount": "0.000001", "reason": "slow"}, "one")
    assert (await owner.done("GET", "/admin/users"))["data"][0]["spent_nano"] == 2 * COST - 1_000
    await Request.filter(id=first).update(created_us=now_us() - 30 * DAY_US)
    assert (await owner.done("GET", "/admin/users"))["data"][0]["spent_nano"] == COST - 1_000
