"""Charts over the admin API: every point is there, and all of them together are what was sold."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.client import AdminClient
from infra.journal.first import read_ahead
from infra.rollups.roller import Roller, state
from infra.store.clock import SECOND_US, now_us
from infra.store.database import Store
from infra.store.models import Request
from tests.functions.trade.owner import COST, Owner
from tests.standins.running import ADMIN_KEY
from ui.questions import of_the_overview

WRONG = [
    ("step=week", "step"), ("by=price", "by"), ("from=soon", "from"), ("from=2026-02-02&to=2026-02-01", "from"),
    ("step=hour&from=2026-01-01&to=2026-03-01", "from"), ("step=day&from=2020-01-01&to=2026-01-01", "from"),
    ("x=1", "x"),
]  # fmt: skip


async def test_a_chart_has_a_point_for_each_step_and_what_was_sold_in_it(owner: Owner) -> None:
    key = await owner.running.key()
    await owner.chat(key)
    await owner.chat(key)
    found = await owner.done("GET", "/admin/series?step=hour")
    [all_] = found["series"]
    assert (all_["name"], len(all_["points"])) == ("all", 24)
    assert [point["revenue_nano"] for point in all_["points"]] == [0] * 23 + [2 * COST]
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    assert all_["points"][-1]["at"] in {f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (hour, hour - timedelta(hours=1))}
    assert found["to"] > all_["points"][-1]["at"]


async def test_groups_are_named_as_people_know_them_and_filters_leave_the_rest_out(owner: Owner) -> None:
    ada, bob = await owner.running.key("ada"), await owner.running.key("bob")
    for key in (ada, ada, bob):
        await owner.chat(key)
    groups = {
        by: (await owner.done("GET", f"/admin/series?by={by}"))["series"] for by in ("user", "key", "model", "backend")
    }
    assert [each["name"] for each in groups["user"]] == ["ada", "bob"]
    assert [each["name"].partition(" ")[2] for each in groups["key"]] == ["(ada)", "(bob)"]
    assert [each["name"] for each in groups["model"]] == ["stand-in"]
    assert [each["name"] for each in groups["backend"]] == ["one"]
    for found in groups.values():
        assert sum(point["revenue_nano"] for each in found for point in each["points"]) == 3 * COST
    [only] = (await owner.done("GET", "/admin/series?by=model&user=bob&model=stand-in"))["series"]
    assert sum(point["requests"] for point in only["points"]) == 1
    assert (await owner.done("GET", "/admin/series?by=user&model=other"))["series"] == []


async def test_more_than_ten_are_ten_and_the_rest_which_add_up(owner: Owner) -> None:
    at = now_us()
    for number in range(14):
        user = await owner.gateway.ledger.open_user(f"u{number}", 0, actor="test", address="test")
        await Request.create(
            id=f"r{number}", state="SETTLED", instance="i", user_id=user.id, key_id="k", endpoint="chat", model="m",
            status=200, charged=100 + number, created_us=at - number * SECOND_US,
        )  # fmt: skip
    found = (await owner.done("GET", "/admin/series?by=user"))["series"]
    sums = [sum(point["revenue_nano"] for point in each["points"]) for each in found]
    assert [each["name"] for each in found] == [f"u{number}" for number in range(13, 3, -1)] + ["other"]
    assert sums == [100 + number for number in range(13, 3, -1)] + [100 + 101 + 102 + 103]
    assert (found[-1]["id"], found[0]["id"] is None) == (None, False)


async def test_a_rebuild_throws_the_sums_away_and_changes_no_figure(owner: Owner) -> None:
    await owner.chat(await owner.running.key())
    while await Roller(owner.gateway.store).step(now_us() + 86_400 * SECOND_US):
        pass
    before = await owner.done("GET", "/admin/series?step=day&by=model")
    assert (await state(owner.gateway.store)).rolled_until_us > now_us()
    await owner.done("POST", "/admin/figures/rebuild", {}, status=202)
    assert (await state(owner.gateway.store)).rolled_until_us == 0
    assert await owner.done("GET", "/admin/series?step=day&by=model") == before
    events = (await owner.done("GET", "/admin/audit-events"))["data"]
    assert "figures.rebuild" in {event["action"] for event in events}


async def test_a_chart_that_cannot_be_understood_is_a_400_that_names_the_field(owner: Owner) -> None:
    for query, param in WRONG:
        assert (await owner.refused("GET", f"/admin/series?{query}"))["param"] == param, query
    assert (await owner.ask("GET", "/admin/series?user=nobody")).status_code == 404


async def test_a_price_that_is_tried_out_changes_nothing_and_tells_what_it_would_have_meant(owner: Owner) -> None:
    key = await owner.running.key()
    await owner.chat(key)
    await owner.chat(key)
    body = {"model": "stand-in", "price": {"output": "4.00/1M"}}
    found = await owner.done("POST", "/admin/prices/preview", body)
    assert (found["requests"], found["charged_nano"], found["would_be_nano"]) == (2, 2 * COST, 2 * (3_000 + 20_000))
    assert found["difference_nano"] == 2 * 10_000
    assert found["price"] == {"input": "1.00/1M", "output": "4.00/1M"}
    assert (await owner.done("POST", "/admin/prices/preview", {**body, "endpoint": "embeddings"}))["requests"] == 0
    versions = (await owner.done("GET", "/admin/prices?model=stand-in"))["data"]
    assert [each["price"]["output"] for each in versions if not each["endpoint"]] == ["2.00/1M"]


async def test_a_preview_that_cannot_be_is_a_400_that_names_the_field(owner: Owner) -> None:
    for body, param in (
        ({"price": {"output": "4"}}, "price.output"), ({}, "price"), ({"price_in": 1, "days": 0}, "days"),
        ({"price_in": 1, "endpoint": "nowhere"}, "endpoint"), ({"price": {"outptu": "4/1M"}}, "price"),
    ):  # fmt: skip
        error = await owner.refused("POST", "/admin/prices/preview", {"model": "stand-in", **body})
        assert error["param"] == param, body
    await owner.refused("POST", "/admin/prices/preview", {"model": "nothing", "price_in": 1}, 404)


async def test_a_margin_is_revenue_less_the_electricity_of_the_time_in_which_a_backend_worked(owner: Owner) -> None:
    user = await owner.gateway.ledger.open_user("ada", 0, actor="test", address="test")
    day, hour = now_us() // (86_400 * SECOND_US) * 86_400 * SECOND_US, 3_600 * SECOND_US
    spans = [("m", 0, 1), ("n", 0, 1), ("m", 2, 3)]  # side by side for an hour, then m alone for another
    for number, (model, begin, end) in enumerate(spans):
        at = day - 40 * hour
        await Request.create(
            id=f"r{number}", state="SETTLED", instance="i", user_id=user.id, key_id="k", endpoint="chat", model=model,
            backend="one", status=200, charged=10**9, output_tokens=500_000, created_us=at, held_us=at + begin * hour,
            finished_us=at + end * hour,
        )  # fmt: skip
    while await Roller(owner.gateway.store).step():
        pass
    found = await owner.done("GET", "/admin/margins?days=7")
    m, n = found["data"]
    # Two hours at 400 W are 0.8 kWh at 0.30; of three hours of requests two were m's.
    assert (m["model"], m["cost_nano"], m["busy_seconds"]) == ("m", 160_000_000, 4_800)
    assert (n["model"], n["cost_nano"], n["margin_nano"]) == ("n", 80_000_000, 920_000_000)
    assert (m["cost_per_million_nano"], m["revenue_per_million_nano"]) == (160_000_000, 2_000_000_000)
    assert (float(n["margin_percent"]), found["electricity_nano"], m["watts"]) == (92.0, 300_000_000, 400)


async def test_without_watts_a_margin_is_not_told(owner: Owner) -> None:
    user = await owner.gateway.ledger.open_user("ada", 0, actor="test", address="test")
    at = now_us() - 86_400 * SECOND_US
    await Request.create(
        id="r", state="SETTLED", instance="i", user_id=user.id, key_id="k", endpoint="chat", model="m", backend="gone",
        status=200, charged=5, created_us=at, held_us=at, finished_us=at + SECOND_US,
    )  # fmt: skip
    while await Roller(owner.gateway.store).step():
        pass
    [row] = (await owner.done("GET", "/admin/margins"))["data"]
    assert (row["revenue_nano"], row["cost"], row["margin_nano"], row["price"]) == (5, None, None, {})
    assert (await owner.refused("GET", "/admin/margins?days=0"))["param"] == "days"


async def test_what_is_read_ahead_after_a_start_is_all_that_the_first_page_asks(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owner.chat(await owner.running.key())
    said, read = list[str](), Store.read

    async def heard(self: Store, sql: str, *values: Any) -> list[dict[str, Any]]:
        said.append(sql)
        return await read(self, sql, *values)

    monkeypatch.setattr(Store, "read", heard)
    await read_ahead(owner.gateway.store)
    ahead = set(said)
    said.clear()
    async with AdminClient(owner.running.url, token=ADMIN_KEY) as asking:
        for each in of_the_overview():
            await each.question(asking)
    assert any("user_hours" in sql for sql in said) and any("usage_days" in sql for sql in said)
    assert {sql for sql in said if "FROM requests" in sql or "usage_" in sql or "user_hours" in sql} <= ahead
